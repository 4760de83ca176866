"""What ``scripts/bench.py`` measures: networks, rivals, whole processes, growth."""
