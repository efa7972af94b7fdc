#!/bin/sh
# Times Noisebook's heavy evaluators against scikit-learn, torch-fidelity and prdc
# on this machine, with the engine and in Go alone, and writes
# results/bench/evaluators.csv. Arguments are those of bench/evaluators.py, such as
#
#   bench/evaluators.sh --seed 1 --rounds 5 silhouette k-means
set -eu
cd "$(dirname "$0")/.."
reference=evaluators
. bench/environment.sh
go build -buildvcs=false -o build/evaluators ./bench/evaluators
exec "$PYTHON" bench/evaluators.py --program build/evaluators --out results/bench/evaluators.csv "$@"
