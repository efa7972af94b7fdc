#!/usr/bin/env bash
# Times Noisebook's tracker against MLflow and trackio on this machine, prints one
# table, ratios last, and writes results/bench/trackers.csv.
#
# All do the same work on local disk: RUNS runs of POINTS points of one metric, a
# call a point, until they are durable; then list the runs; then read one curve, each
# in a process of its own. Ours also brings its index up to date, which the others
# do while they log. MLflow is timed with a call a point and, as mlflow-batch,
# with a thousand points a call. With a call a point it is timed at MLFLOW_RUNS runs,
# since all of them take an hour.
#
#   bench/trackers.sh
#   RUNS=100 POINTS=1000 MLFLOW_RUNS=5 bench/trackers.sh
#
# Work is cut into pieces of PIECE runs. RAW is the folder of the pieces' answers;
# those it holds already are kept. BENCH_PREFIX is a command to put before each
# piece, such as "taskset -c 0,1".
set -euo pipefail
cd "$(dirname "$0")/.."
reference=trackers
. bench/environment.sh

runs=${RUNS:-1000} points=${POINTS:-1000} mlflow_runs=${MLFLOW_RUNS:-10} piece=${PIECE:-250}
raw=${RAW:-$(mktemp -d)}
mkdir -p "$raw/stores" results/bench
go build -buildvcs=false -o build/noisebook ./cmd/noisebook

# take NAME COMMAND… keeps a command's answer in the folder of answers.
take() {
	local file=$raw/$1.json
	shift
	[[ -s $file ]] && return
	echo "$(date +%T) $(basename "$file" .json)" >&2
	# shellcheck disable=SC2086 # a command with its arguments
	${BENCH_PREFIX:-} "$@" >"$file.part" 2>"$file.log" || {
		tail -n 3 "$file.log" >&2
		exit 1
	}
	mv "$file.part" "$file"
}

# all NAME RUNS COMMAND… logs in pieces, then lists and reads.
all() {
	local name=$1 runs=$2 first
	for ((first = 0; first < runs; first += piece)); do
		take "$name-log-$first" "$PYTHON" bench/trackers.py time "$name" log "$first" "$((runs - first < piece ? runs - first : piece))" "$points" "$raw/stores/$name"
	done
	[[ $name == mlflow ]] && return # mlflow-batch lists and reads the same tables, with all runs in them
	take "$name-list" "$PYTHON" bench/trackers.py time "$name" list "$raw/stores/$name"
	take "$name-read" "$PYTHON" bench/trackers.py time "$name" read "$raw/stores/$name"
}

for action in log index list read; do
	take "noisebook-$action" build/noisebook bench tracker "$action" --runs "$runs" --points "$points" --store "$raw/stores/noisebook" --json
done
all trackio "$runs"
all mlflow-batch "$runs"
all mlflow "$mlflow_runs"

"$PYTHON" bench/trackers.py table "$raw" --csv results/bench/trackers.csv --commit "$(git describe --always --dirty)"
[[ -n ${RAW:-} ]] || rm -rf "$raw"
