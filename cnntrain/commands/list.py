"""``cnntrain list``: what a config can name."""

from cnntrain.errors import ConfigError, ExitCode
from cnntrain.registry import did_you_mean
from cnntrain.text import json_text, printable
from cnntrain.views.explain.kinds import describe, families
from cnntrain.views.explain.kinds_text import list_text


def run_list(word: str | None, as_json: bool) -> ExitCode:
    """Print the kinds of all families, or of one, with their first sentences."""
    chosen = list(families()) if word is None else [_family(word)]
    document = {
        family: {kind: describe(member).line for kind, member in families()[family].kinds.items()}
        for family in chosen
    }
    print(json_text(document) if as_json else printable(list_text(chosen)))
    return ExitCode.DONE


def _family(word: str) -> str:
    """The family that ``layers``, ``losses``, ``optimiser`` or ``sources`` means."""
    plain = word.lower().replace("_", " ").replace("-", " ").replace("iser", "izer")
    for family in families():
        for name in (family, family.rpartition(" ")[2]):
            if plain in (name, f"{name}s", f"{name}es"):
                return family
    plurals = [f"{f}{'es' if f.endswith('s') else 's'}" for f in families()]
    raise ConfigError(f"no kinds are called {word!r}{did_you_mean(word, plurals)}")
