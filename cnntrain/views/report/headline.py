"""The first lines of a report: what was trained, how good it is, what stopped it, what to do."""

from dataclasses import dataclass

from cnntrain.metrics import is_better, is_percentage
from cnntrain.runs.messages import reason_in_words
from cnntrain.runs.record import RunRecord
from cnntrain.text import duration

BAD_ENDS = ("diverged",)


@dataclass(frozen=True)
class Headline:
    """``verdict``: good, or what is wrong; ``lines``: sentences under it."""

    label: str
    verdict: str
    is_bad: bool
    lines: tuple[str, ...]


def headline(run: RunRecord) -> Headline:
    """The headline of a run; a diverged or dead one says so first."""
    how, best = _how_good(run), run.best
    ended = "It has not ended." if run.end is None else _ended(run)
    if run.end is not None and run.end["reason"] in BAD_ENDS:
        kept = "no epoch was completed" if best is None else f"its best epoch is {best['epoch']}"
        advice = (
            "Lower the learning rate, clip the gradient or normalize the data, and train again."
        )
        return Headline(run.label, f"Diverged: {kept}.", True, (ended, advice))
    if not run.epochs:
        return Headline(run.label, "No epoch was completed.", True, (ended,))
    if run.baseline and not run.baseline["better"]:
        cause, remedy = (run.baseline.get(name, "") for name in ("cause", "remedy"))
        verdict = f"No better than guessing: {how}."
        return Headline(run.label, verdict, True, tuple(filter(None, (cause, remedy, ended))))
    spent = f"{run.newest['step']:,} steps, {duration(run.newest['elapsed_s'])}"
    return Headline(run.label, f"{how}.", False, (f"{ended} {spent}.", _next(run)))


def _how_good(run: RunRecord) -> str:
    """``val/accuracy 98.6 % in epoch 9 (guessing gives 10 %)``."""
    name, best = run.monitored, run.best
    if name is None or best is None:
        return "nothing was measured"
    text = f"{name} {_shown(name, best[name])} in epoch {best['epoch']}"
    guess = run.baseline.get("guessing", {}).get(name.partition("/")[2])
    return text if guess is None else f"{text} (guessing gives {_shown(name, guess)})"


def _shown(name: str, value: float) -> str:
    return f"{100 * value:.4g} %" if is_percentage(name) else f"{value:.4g}"


def _ended(run: RunRecord) -> str:
    assert run.end is not None
    words = reason_in_words(run.end["reason"], str(run.end.get("detail", "")))
    return f"Stopped: {words}."


def _next(run: RunRecord) -> str:
    """What is most likely to make it better."""
    name, best, last = run.monitored, run.best, run.epochs[-1]
    if name is None or best is None:
        return ""
    if best["epoch"] == last["epoch"] and len(run.epochs) > 1:
        return "The last epoch is the best: longer training may help."
    train, val = last.get("train/loss"), last.get("val/loss")
    if train is not None and val is not None and val > 1.5 * train and is_better(name, 1, 0):
        return (
            "The validation loss is far above that of training: augmentation, l2 or dropout may "
            "help."
        )
    return "The test split says how good it is on data that was not used to choose anything."
