#!/bin/sh
# The compiled kernels under AddressSanitizer and UndefinedBehaviorSanitizer: every recorded call is made
# again in a program built with both, which stops at the first access outside an array.
#   sh scripts/sanitize.sh
set -eu
cd "$(dirname "$0")/.."
python=${CNNTRAIN_PYTHON:-.venv/bin/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ASAN_OPTIONS=detect_leaks=0 # the program ends right after
CNNTRAIN_ENGINE=native "$python" -m scripts.exactness.record "$work/calls"
checked="-O1 -g -std=gnu11 -ffp-contract=off -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
for isa in "" "-mavx2 -mfma -DISA_V3"; do
    case $isa in
    *AVX* | *avx*) grep -q avx2 /proc/cpuinfo || continue ;;
    esac
    for type in f4 f8; do
        real=
        [ $type = f4 ] || real=-DREAL_IS_DOUBLE
        # shellcheck disable=SC2086  # several flags are several words
        cc $checked $isa $real -DTABLE=$type -c cnntrain/native/c/kernels.c -o "$work/$type.o"
    done
    # shellcheck disable=SC2086
    cc $checked scripts/exactness/replay.c cnntrain/native/c/program.c "$work/f4.o" "$work/f8.o" -o "$work/replay" -lm -pthread
    "$work/replay" "$work/calls" >"$work/digests"
    echo "sanitizers found nothing in $(wc -l <"$work/digests") kernels${isa:+ ($isa)}"
done
