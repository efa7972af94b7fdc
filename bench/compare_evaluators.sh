#!/bin/sh
# Holds the values of `noisebook metric` and `noisebook probe` against those of
# scikit-learn, torch-fidelity, prdc, SciPy and the PRD paper's algorithm, on inputs
# drawn from the seeds given, and fails when one is over its tolerance:
#
#   bench/compare_evaluators.sh 1 2 3
set -eu
cd "$(dirname "$0")/.."
reference=evaluators
. bench/environment.sh
go build -buildvcs=false -o build/noisebook ./cmd/noisebook
exec "$PYTHON" bench/compare_evaluators.py --program build/noisebook "$@"
