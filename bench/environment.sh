# Sourced by the comparisons: makes a virtual environment of the reference
# evaluators in build/, once for each requirements file, and sets PYTHON to its
# interpreter.
environment=build/evaluators-venv
requirements=bench/requirements-evaluators.txt
if ! cmp -s "$requirements" "$environment/requirements.txt"; then
	echo "Installing the reference evaluators into $environment" >&2
	python3 -m venv --clear "$environment"
	"$environment/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
	cp "$requirements" "$environment/requirements.txt"
fi
PYTHON=$environment/bin/python
# Scripts beside ours must not stand in for modules of the same name.
export PYTHONSAFEPATH=1
