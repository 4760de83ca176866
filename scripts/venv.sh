# Sourced by the other scripts: create .venv if missing, install cnntrain with the given extras.
#   install_into_venv ".[test]"

install_into_venv() {
    if [ ! -x .venv/bin/python ]; then
        python=${PYTHON:-python3}
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
            echo "cnntrain needs Python 3.11 or newer; give one with PYTHON=/path/to/python" >&2
            exit 1
        }
        echo "creating .venv" >&2
        "$python" -m venv .venv
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable "$@"
}
