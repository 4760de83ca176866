# Sourced by the other scripts: make .venv if there is none, install cnntrain and what is asked for.
#   install_into_venv ".[test]"

install_into_venv() {
    if [ ! -x .venv/bin/python ]; then
        python=${PYTHON:-python3}
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
            echo "cnntrain needs Python 3.11 or newer; name one with PYTHON=/path/to/python" >&2
            exit 1
        }
        echo "making .venv" >&2
        "$python" -m venv .venv
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable "$@"
}
