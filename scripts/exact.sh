#!/bin/sh
# One hash on every CPU: the compiled kernels and whole trainings give the same bits for every
# instruction set, BLAS kernel, NumPy dispatch and number of threads. Exit code 1 if not.
#   sh scripts/exact.sh            # MNIST is included where CNNTRAIN_DATA (or ../shared/data) has it
#   sh scripts/exact.sh --kernels  # only the kernels; --trainings: only those
# Kernels for arm64 and riscv64 run in qemu where that and the cross compilers are installed (Debian:
# qemu-user gcc-aarch64-linux-gnu gcc-riscv64-linux-gnu). CNNTRAIN_PYTHON names the Python to use.
set -eu
cd "$(dirname "$0")/.."
case ${1:-} in
"" | --kernels | --trainings) ;;
*) sed -n '2,7s/^# //p' scripts/exact.sh && exit 2 ;;
esac
python=${CNNTRAIN_PYTHON:-.venv/bin/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE NPY_DISABLE_CPU_FEATURES CNNTRAIN_ISA || true
export CNNTRAIN_ENGINE=native
failed=0

same() { # same WHAT FILE: whether all lines of the file are equal
    distinct=$(cut -d' ' -f2- "$2" | sort -u | wc -l)
    if [ "$distinct" = 1 ]; then
        echo "$1: one hash in $(wc -l <"$2") variants: $(head -n1 "$2" | cut -d' ' -f2-)"
    else
        echo "$1: $distinct DIFFERENT hashes" && cat "$2"
        failed=1
    fi
}

# --- kernels ---------------------------------------------------------------------------------
exact="-O3 -std=gnu11 -ffp-contract=off -fno-math-errno"
replayed() { # replayed NAME RUNNER COMPILER FLAGS...: print the digest of all kernels' digests
    name=$1 runner=$2 compiler=$3
    shift 3
    for type in f4 f8; do
        real=
        [ $type = f4 ] || real=-DREAL_IS_DOUBLE
        # shellcheck disable=SC2086  # several flags are several words
        $compiler $exact "$@" $real -DTABLE=$type -c cnntrain/native/c/kernels.c -o "$work/$name-$type.o"
    done
    # shellcheck disable=SC2086
    $compiler $exact -static scripts/exactness/replay.c cnntrain/native/c/program.c "$work/$name-f4.o" "$work/$name-f8.o" -o "$work/$name" -lm -pthread
    $runner "$work/$name" "$work/calls" >"$work/$name.digests"
    echo "$name $(sha256sum <"$work/$name.digests" | cut -c1-16)" >>"$work/kernels"
}
cross() { # cross MACHINE NAME FLAGS...
    machine=$1 name=$2
    shift 2
    if command -v "qemu-$machine" >/dev/null && command -v "$machine-linux-gnu-gcc" >/dev/null; then
        replayed "$name" "qemu-$machine" "$machine-linux-gnu-gcc" "$@"
    else
        echo "SKIPPED $name: qemu-$machine or $machine-linux-gnu-gcc is not installed"
    fi
}
kernels_agree() {
    "$python" -m scripts.exactness.record "$work/calls"
    if [ "$(uname -m)" = x86_64 ]; then
        sets=$("$python" -c 'from cnntrain.native import available; print(*available())')
        for isa in $sets; do
            case $isa in
            v4) replayed v4 "" cc -march=x86-64-v4 -mprefer-vector-width=512 -DISA_V4 ;;
            v3) replayed v3 "" cc -mavx2 -mfma -DISA_V3 ;;
            *) replayed plain "" cc ;;
            esac
        done
    fi
    cross aarch64 arm64-neon -DISA_NEON
    cross aarch64 arm64-plain
    cross riscv64 riscv64-plain
    same "kernels" "$work/kernels"
    if [ $failed = 1 ]; then
        for file in "$work"/*.digests; do diff -q "$work/plain.digests" "$file" || diff "$work/plain.digests" "$file" | head -n 20; done
    fi
}
[ "${1:-}" = --trainings ] || kernels_agree
[ "${1:-}" != --kernels ] || exit $failed

# --- trainings -------------------------------------------------------------------------------
data=${CNNTRAIN_DATA:-../shared/data}
train() { # train NAME VARIANT ENVIRONMENT... -- ARGUMENTS...
    name=$1 variant=$2
    shift 2
    settings=
    while [ "$1" != -- ]; do settings="$settings $1" && shift; done
    shift
    # shellcheck disable=SC2086
    env $settings "$python" -m cnntrain fit "$@" --quiet --out "$work/run" --overwrite
    hash=$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["weights_sha256"][:16])' "$work/run/summary.json")
    echo "$variant $hash" >>"$work/$name"
}
everywhere() { # everywhere NAME ARGUMENTS...
    name=$1
    shift
    for isa in $("$python" -c 'from cnntrain.native import available; print(*available())'); do
        train "$name" "isa-$isa" "CNNTRAIN_ISA=$isa" -- "$@"
    done
    for core in Haswell Sandybridge Nehalem; do
        train "$name" "openblas-$core" "OPENBLAS_CORETYPE=$core" -- "$@"
    done
    train "$name" numpy-without-avx "NPY_DISABLE_CPU_FEATURES=X86_V3,X86_V4" -- "$@"
    train "$name" libm-without-fma "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F" -- "$@"
    for threads in 1 2 3 4; do train "$name" "threads-$threads" -- "$@" --threads $threads; done
    same "$name" "$work/$name"
}
everywhere digits configs/digits.yaml
everywhere residual configs/digits-residual.yaml --set train.epochs=3
everywhere mlp-adam scripts/exactness/mlp.yaml
everywhere everything scripts/exactness/everything.yaml
if [ -d "$data/mnist" ]; then
    everywhere lenet5 configs/mnist-lenet5.yaml --data-dir "$data" --set train.epochs=1
else
    echo "SKIPPED lenet5: no MNIST in $data"
fi
exit $failed
