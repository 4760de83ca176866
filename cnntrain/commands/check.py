"""``cnntrain fit --check`` and ``--dry-run``: checks before training."""

from cnntrain.diagnostics.selftest import self_test
from cnntrain.environment import program
from cnntrain.text import counted, printable, size
from cnntrain.training.experiment import Experiment
from cnntrain.training.workers import Workers


def check(experiment: Experiment, threads: int) -> bool:
    """Print each result of the self-test as it comes; returns whether all are good."""
    bad = 0
    with Workers(threads) as workers:
        for finding in self_test(experiment, workers):
            bad += not finding.ok
            verdict = "ok  " if finding.ok else "FAIL"
            print(printable(f"{verdict}  {finding.name:<21} {finding.found}"), flush=True)
            if not finding.ok:
                print(printable(f"      {'':<21} -> {finding.remedy}"), flush=True)
    print(f"\n{bad} failed: not trained" if bad else "\nall checks passed")
    return not bad


def dry_run(experiment: Experiment, command: str) -> None:
    """Print what would be trained; nothing is written."""
    plan, network, data = experiment.plan, experiment.network, experiment.data
    splits = ", ".join(f"{name} {len(split):,}" for name, split in data.splits.items())
    memory = size(experiment.training_bytes.total)
    found = (
        f"{plan.name}: config, shapes and data fit\n"
        f"  network   {counted(len(network.nodes), 'layer')}, "
        f"{counted(network.parameter_count, 'parameter')}, "
        f"{network.in_shape} -> {network.out_shape}\n"
        f"  samples   {splits}\n"
        f"  memory    about {memory} while training\n"
        f"nothing was written; train it with: {program()} {command}"
    )
    print(printable(found))
