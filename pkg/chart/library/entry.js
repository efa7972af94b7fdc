// What a chart of this package draws with, and nothing else.
import { use, init } from "echarts/core";
import { ParallelChart } from "echarts/charts";
import { ParallelComponent, TooltipComponent } from "echarts/components";
import { SVGRenderer } from "echarts/renderers";

use([ParallelChart, ParallelComponent, TooltipComponent, SVGRenderer]);
export { init };
