"""``cnntrain explain``: a kind, all kinds, or what an experiment does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cnntrain.commands.target import open_target
from cnntrain.errors import ConfigError, DataError, ExitCode
from cnntrain.network.objective import Objective
from cnntrain.registry import did_you_mean
from cnntrain.runs.console import warn
from cnntrain.text import json_text, printable
from cnntrain.training.experiment import training_clock
from cnntrain.views.explain.kinds import Kind, describe, families, find
from cnntrain.views.explain.kinds_text import kind_text, list_text
from cnntrain.views.explain.rule import Rule, as_text, training_rule
from cnntrain.views.explain.sections import config_keys, find_key, key_text
from cnntrain.views.languages import say
from cnntrain.views.tree import tree

SUFFIXES = {".yaml", ".yml", ".npz"}


def run_explain(
    subject: str | None, settings: Sequence[str], data_dir: Path | None, as_json: bool
) -> ExitCode:
    """Print the explanation as text or as one JSON document."""
    document: Any
    if subject is None:
        document = {
            family: {kind: describe(member).line for kind, member in base.kinds.items()}
            for family, base in families().items()
        }
        text = list_text()
    elif _is_config(subject):
        rule = _rule(Path(subject), settings, data_dir)
        document, text = tree(rule), as_text(rule)
    elif (key := find_key(subject)) is not None and not _is_kind(subject):
        document, text = tree(key), key_text(key)
    else:
        kinds = _kinds_of(subject)
        document, text = tree(kinds), "\n\n\n".join(map(kind_text, kinds))
    print(json_text(document) if as_json else printable(text))
    return ExitCode.DONE


def _is_config(subject: str) -> bool:
    """A kind takes precedence over a file or folder of the same name."""
    known = _is_kind(subject) or find_key(subject) is not None
    return not known and (Path(subject).suffix in SUFFIXES or Path(subject).exists())


def _is_kind(subject: str) -> bool:
    return any(subject in base.kinds for base in families().values())


def _kinds_of(subject: str) -> list[Kind]:
    """The kinds of this name; for a path that is no key, the nearest key is named."""
    near = did_you_mean(subject, list(config_keys()))
    if "." in subject and "mean" in near:
        raise ConfigError(f"no key {subject!r} in a config{near}")
    return find(subject)


def _rule(path: Path, settings: Sequence[str], data_dir: Path | None) -> Rule:
    target = open_target(path, settings, data_dir)
    network, plan = target.network(), target.plan
    try:
        experiment, _ = target.experiment()
    except DataError as error:
        warn(say("rule.without_data", error=error))
        return training_rule(plan, network, Objective(plan.loss), None, None)
    m = len(experiment.data.train)
    return training_rule(plan, network, experiment.objective, m, training_clock(plan, m))
