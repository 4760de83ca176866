"""The first lines of a report: what was trained, how good it is, what stopped it, what to do."""

from dataclasses import dataclass

from cnntrain.metrics import is_better, is_percentage
from cnntrain.runs.messages import REASONS, reason_in_words
from cnntrain.runs.record import RunRecord
from cnntrain.text import duration
from cnntrain.views.languages import described, say

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
    ended = say("headline.not_ended") if run.end is None else _ended(run)
    if run.end is not None and run.end["reason"] in BAD_ENDS:
        epoch = None if best is None else best["epoch"]
        kept = say("headline.no_epoch" if best is None else "headline.kept", epoch=epoch)
        verdict = say("headline.diverged", kept=kept)
        return Headline(run.label, verdict, True, (ended, say("headline.lower_lr")))
    if not run.epochs:
        return Headline(run.label, say("headline.nothing"), True, (ended,))
    if run.baseline and not run.baseline["better"]:
        cause, remedy = (run.baseline.get(name, "") for name in ("cause", "remedy"))
        verdict = say("headline.guess", how=how)
        return Headline(run.label, verdict, True, tuple(filter(None, (cause, remedy, ended))))
    steps, time = f"{run.newest['step']:,}", duration(run.newest["elapsed_s"])
    spent = say("headline.spent", ended=ended, steps=steps, time=time)
    return Headline(run.label, say("headline.good", how=how), False, (spent, _next(run)))


def _how_good(run: RunRecord) -> str:
    """``val/accuracy 98.6 % in epoch 9 (guessing gives 10 %)``."""
    name, best = run.monitored, run.best
    if name is None or best is None:
        return say("headline.not_measured")
    value = _shown(name, best[name])
    text = say("headline.in_epoch", name=name, value=value, epoch=best["epoch"])
    guess = run.baseline.get("guessing", {}).get(name.partition("/")[2])
    if guess is None:
        return text
    return say("headline.guessing", text=text, guess=_shown(name, guess))


def _shown(name: str, value: float) -> str:
    return f"{100 * value:.4g} %" if is_percentage(name) else f"{value:.4g}"


def _ended(run: RunRecord) -> str:
    assert run.end is not None
    detail = str(run.end.get("detail", ""))
    words = reason_in_words(run.end["reason"], detail, ending(run.end["reason"]))
    return say("headline.stopped", reason=words)


def ending(reason: str) -> str:
    """Why a training stopped, in words."""
    return described(f"end {reason}", REASONS.get(reason, reason))


def _next(run: RunRecord) -> str:
    """What is most likely to make it better."""
    name, best, last = run.monitored, run.best, run.epochs[-1]
    if name is None or best is None:
        return ""
    if best["epoch"] == last["epoch"] and len(run.epochs) > 1:
        return say("headline.longer")
    train, val = last.get("train/loss"), last.get("val/loss")
    if train is not None and val is not None and val > 1.5 * train and is_better(name, 1, 0):
        return say("headline.overfit")
    return say("headline.test")
