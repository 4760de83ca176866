"""The measurements of ``scripts/bench.py``: networks, rivals, whole processes, growth."""
