"""Prints the bytes by which memory grows in three training steps of the config on stdin.

The baseline is this process with everything imported, the data loaded and BLAS warmed up.
"""

import json
import sys
from pathlib import Path

import numpy as np

from cnntrain.config.read import plan_from_tree
from cnntrain.data.locate import DataFolders
from cnntrain.training import opening
from cnntrain.training.experiment import training_clock
from cnntrain.training.state import start
from cnntrain.training.step import train_step
from cnntrain.training.workers import Workers


def status(key):
    """An entry of /proc/self/status, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(key))


def main():
    opening.Experiment.check_memory = lambda _: None  # it would train with a few samples
    plan = plan_from_tree(json.load(sys.stdin))
    experiment = opening.open_experiment(plan, DataFolders.of(None).find)
    clock = training_clock(plan, len(experiment.data.train))
    with Workers(int(sys.argv[1])) as workers:
        square = np.ones((200, 200), np.float32)
        workers.tree_sum(lambda _: square @ square, 4, np.add)
        before = status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # VmHWM starts anew
        state = start(plan, experiment.network)
        for _ in range(3):
            train_step(experiment, state, workers, clock)
        print(status("VmHWM") - before)


main()
