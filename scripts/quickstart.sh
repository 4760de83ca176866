#!/bin/sh
# From scratch to a trained and tested network: create a virtual environment, install cnntrain, train
# on the embedded digits, evaluate the best checkpoint. About half a minute.
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh
install_into_venv .
.venv/bin/cnntrain schema > configs/schema.json # for editors

run=runs/quickstart
.venv/bin/cnntrain fit configs/digits.yaml --out "$run" --overwrite
echo
.venv/bin/cnntrain eval "$run"
