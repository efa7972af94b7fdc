#!/bin/sh
# Tests the export to MLflow against MLflow itself: starts its tracking server with
# SQLite and proxied artifacts on a port of this machine, kills the exporter again
# and again, then reads all back through REST. Installs MLflow into a virtual
# environment first (a few minutes). Arguments go to go test, such as -v.
set -eu
cd "$(dirname "$0")/.."
reference=trackers
. bench/environment.sh
NOISEBOOK_MLFLOW=$(pwd)/$environment
export NOISEBOOK_MLFLOW
exec go test -count=1 -run TestExportToMLflow "$@" ./pkg/track/mlflow
