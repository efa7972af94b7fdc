"""Times experiment trackers on this machine, offline and on local disk.

    trackers.py time NAME log FIRST RUNS POINTS FOLDER
    trackers.py time NAME list|read FOLDER
    trackers.py table FOLDER OF ANSWERS --csv FILE --commit COMMIT

NAME is mlflow (a call a point), mlflow-batch (1000 points a call) or trackio.
log adds RUNS runs of POINTS points, one metric, and ends when they are durable;
list lists all runs with their params and last values and read reads the curve of
one, each twice in a new process with the tracker imported already. Answers are
JSON.
"""

import argparse
import contextlib
import csv
import json
import os
import pathlib
import sys
import time
from importlib.metadata import version

METRIC = "loss"
PROJECT = "bench"


class MLflow:
    def __init__(self, folder, batch):
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        import logging

        import mlflow

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment(PROJECT)
        self.mlflow, self.client, self.batch = mlflow, mlflow.MlflowClient(), batch
        self.version = "mlflow " + version("mlflow")

    def log(self, number, points):
        with self.mlflow.start_run(run_name=str(number)) as run:
            self.mlflow.log_params({"lr": number, "seed": number})
            start = time.perf_counter()
            if self.batch:
                self.log_batches(run.info.run_id, points)
            else:
                for step in range(points):
                    self.mlflow.log_metric(METRIC, 1 / (step + 1), step=step)
            return time.perf_counter() - start

    def log_batches(self, run, points, size=1000):
        from mlflow.entities import Metric

        for first in range(0, points, size):
            now = int(time.time() * 1000)
            steps = range(first, min(points, first + size))
            self.client.log_batch(run, [Metric(METRIC, 1 / (step + 1), now, step) for step in steps])

    def list(self):
        return len(self.mlflow.search_runs(max_results=50000))

    def read(self):
        run = self.client.search_runs(self.experiments(), filter_string="params.seed = '0'", max_results=1)[0].info.run_id

        def curve():
            return len(self.client.get_metric_history(run, METRIC))

        return curve

    def experiments(self):
        return [self.client.get_experiment_by_name(PROJECT).experiment_id]


class Trackio:
    def __init__(self, folder):
        os.environ.update(TRACKIO_DIR=folder, HF_HUB_OFFLINE="1")
        import trackio
        from trackio.sqlite_storage import SQLiteStorage

        self.trackio, self.storage = trackio, SQLiteStorage
        self.version = "trackio " + version("trackio")

    def log(self, number, points):
        self.trackio.init(project=PROJECT, name=str(number), config={"lr": number, "seed": number}, embed=False)
        start = time.perf_counter()
        for step in range(points):
            self.trackio.log({METRIC: 1 / (step + 1)})
        calls = time.perf_counter() - start
        self.trackio.finish()
        return calls

    def list(self):
        return len(list(self.trackio.Api().runs(PROJECT)))

    def read(self):
        return lambda: len(self.storage.get_logs(PROJECT, "0"))


def open_tracker(name, folder):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    folder = os.path.abspath(folder)
    if name == "trackio":
        return Trackio(folder)
    return MLflow(folder, batch=name == "mlflow-batch")


def measure(name, action, *rest):
    folder = rest[-1]
    tracker = open_tracker(name, folder)
    answer = {"tracker": name, "version": tracker.version, "action": action}
    if action == "log":
        first, runs, points = map(int, rest[:3])
        start = time.perf_counter()
        calls = sum(tracker.log(number, points) for number in range(first, first + runs))
        return answer | {"runs": runs, "points": points, "seconds": time.perf_counter() - start, "call_seconds": calls}
    work = tracker.list if action == "list" else tracker.read()
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        count = work()
        seconds.append(time.perf_counter() - start)
    return answer | {"seconds": seconds[0], "again_seconds": seconds[1], "count": count}


def summary(answers):
    """One row for each tracker, pieces of logging added up."""
    rows = {}
    for a in answers:
        row = rows.setdefault(a["tracker"], {"tracker": a["tracker"], "version": a["version"], "runs": 0, "points": 0, "seconds": 0.0, "calls": 0.0, "index": 0.0})
        if a["action"] == "log":
            row["runs"] += a["runs"]
            row["points"] += a["runs"] * a["points"]
            row["seconds"] += a["seconds"]
            row["calls"] += a["call_seconds"]
        elif a["action"] == "index":
            row["index"] = a["seconds"]
        else:
            what = a["action"]
            row[what], row[what + "_again"], row[what + "_count"] = a["seconds"] * 1000, a["again_seconds"] * 1000, a["count"]
    for row in rows.values():
        row["us_call"] = row["calls"] / row["points"] * 1e6
        row["us_point"] = row["seconds"] / row["points"] * 1e6
        row["us_indexed"] = (row["seconds"] + row["index"]) / row["points"] * 1e6
    ours = rows["noisebook"]
    for row in rows.values():
        for what in ("us_point", "us_indexed", "list", "list_again", "read"):
            if what in row:
                row["times_" + what] = row[what] / ours[what]
    return sorted(rows.values(), key=lambda row: row["us_point"])


# Name in the CSV file, title in the printed table, form.
COLUMNS = [
    ("tracker", "tracker", "{}"), ("version", "version", "{}"), ("runs", "runs", "{}"), ("points", "points", "{}"),
    ("us_call", "µs a call", "{:.2f}"), ("us_point", "µs a point", "{:.2f}"), ("us_indexed", "with index", "{:.2f}"),
    ("list_count", "runs listed", "{}"), ("list", "list, ms", "{:.1f}"), ("list_again", "again, ms", "{:.1f}"),
    ("read_count", "points read", "{}"), ("read", "read, ms", "{:.2f}"),
    ("times_us_point", "log ×", "{:.1f}"), ("times_us_indexed", "with index ×", "{:.1f}"), ("times_list", "list ×", "{:.1f}"), ("times_list_again", "again ×", "{:.1f}"), ("times_read", "read ×", "{:.1f}"),
]


def table(folder, path, commit):
    answers = [json.loads(file.read_text()) for file in sorted(pathlib.Path(folder).glob("*.json"))]
    rows = summary(answers)
    cells = [[title for _, title, _ in COLUMNS]]
    cells += [[form.format(row[key]) if key in row else "–" for key, _, form in COLUMNS] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(COLUMNS))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    print("µs a point: until the points are durable. × is how many times longer than ours.")
    print("with index: ours then brings its index of runs up to date, which the others do while they log. list: in a new process, then again.")
    full = max(row["points"] for row in rows)
    for row in rows:
        if row["points"] < full:
            print(f"{row['tracker']} was timed at {row['points']:,} points; all {full:,} would take {row['us_point'] * full / 6e7:.0f} minutes at that speed.")
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([key for key, _, _ in COLUMNS] + ["commit"])
        for row in rows:
            writer.writerow([f"{row[key]:.6g}" if isinstance(row.get(key), float) else row.get(key, "") for key, _, _ in COLUMNS] + [commit])


def main():
    if sys.argv[1:2] == ["time"]:
        with contextlib.redirect_stdout(sys.stderr):  # trackers talk
            answer = measure(*sys.argv[2:])
        json.dump(answer, sys.stdout)
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("table")
    parser.add_argument("folder")
    parser.add_argument("--csv", required=True)
    parser.add_argument("--commit", required=True)
    args = parser.parse_args()
    table(args.folder, args.csv, args.commit)


main()
