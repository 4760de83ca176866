"""The parts of ``scripts/exact.sh``: recorded calls of compiled kernels, and their replay in C."""
