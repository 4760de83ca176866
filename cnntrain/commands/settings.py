"""Options that are keys of the config: how ``--set`` takes them."""

from dataclasses import fields

from cnntrain.config.habits import key_here
from cnntrain.config.plan import SECTIONS
from cnntrain.optimizers import Optimizer


def setting_for(option: str) -> str | None:
    """The key of the config that ``--batch-size`` probably means."""
    word = option.lstrip("-").replace("-", "_")
    for name in (word, key_here(word)):
        for section, spec in SECTIONS.items():
            if name in {field.name for field in fields(spec)}:  # type: ignore[arg-type]
                return f"{section}.{name}" if section else name
        if name and any(name in {f.name for f in fields(o)} for o in Optimizer.kinds.values()):
            return f"optimizer.sgd.{name}"
    return None
