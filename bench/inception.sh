#!/bin/sh
# Holds our Inception-v3, its resizing and its files against torch-fidelity,
# pytorch-fid and clean-fid on this machine, with weights drawn from a seed (the
# published ones need not be here), and prints the largest differences.
# Arguments are those of bench/inception/compare.py, such as --seed 2 or --time.
#
# PYTHON names an interpreter that has the packages of requirements-inception.txt;
# without it they are installed into build/.
set -eu
cd "$(dirname "$0")/.."
environment=build/inception-venv
requirements=bench/requirements-inception.txt
if [ -z "${PYTHON:-}" ]; then
	if ! cmp -s "$requirements" "$environment/requirements.txt"; then
		echo "Installing the reference programs into $environment" >&2
		python3 -m venv --clear "$environment"
		"$environment/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
		cp "$requirements" "$environment/requirements.txt"
	fi
	PYTHON=$environment/bin/python
fi
go build -buildvcs=false -o build/noisebook-inception ./cmd/noisebook
exec "$PYTHON" bench/inception/compare.py --program build/noisebook-inception "$@"
