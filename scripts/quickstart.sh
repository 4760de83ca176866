#!/bin/sh
# From nothing to a trained and tested network: a virtual environment, the installation, a training
# on the embedded digits, the test of its best checkpoint. About half a minute.
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh
install_into_venv .

run=runs/quickstart
.venv/bin/cnntrain fit configs/digits.yaml --out "$run" --overwrite
echo
.venv/bin/cnntrain eval "$run"
