#!/bin/sh
# Builds echarts.min.js.gz, the part of Apache ECharts that the charts need, from
# npm's packages at the versions in package.json. Needs node, npm and gzip.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp package.json package-lock.json entry.js "$work"
cd "$work"
npm ci --silent --no-audit --no-fund
node_modules/.bin/esbuild entry.js --bundle --minify --format=iife --global-name=noisebookECharts \
  --legal-comments=none --target=es2020 --outfile=echarts.min.js
{ echo "/* Apache ECharts 5.6.0, ZRender 5.6.1 and tslib 2.3.0: see LICENSE beside this file. */"; cat echarts.min.js; } | gzip -9 -n > echarts.min.js.gz
cd - >/dev/null
cp "$work/echarts.min.js.gz" .
ls -l echarts.min.js.gz
