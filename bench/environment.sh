# Sourced by the comparisons: makes a virtual environment of what ours is compared
# with in build/, once for each content of bench/requirements-NAME.txt, and sets
# PYTHON to its interpreter. Give the NAME as reference.
environment=build/$reference-venv
requirements=bench/requirements-$reference.txt
if ! cmp -s "$requirements" "$environment/requirements.txt"; then
	echo "Installing the reference $reference into $environment" >&2
	python3 -m venv --clear "$environment"
	"$environment/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
	cp "$requirements" "$environment/requirements.txt"
fi
PYTHON=$environment/bin/python
# Scripts beside ours must not stand in for modules of the same name.
export PYTHONSAFEPATH=1
