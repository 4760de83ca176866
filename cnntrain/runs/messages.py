"""Events of a training in words: shared by the terminal and the log."""

from cnntrain.metrics import is_percentage, metrics_line
from cnntrain.text import duration
from cnntrain.training.events import EpochEnd, Stopped

REASONS = {
    "epochs": "all epochs done",
    "max_steps": "the step limit was reached",
    "threshold": "the weights no longer change",
    "patience": "no further improvement",
    "target": "the target was reached",
    "minutes": "the time is up",
    "interrupted": "interrupted",
    "diverged": "diverged",
}


def epoch_line(event: EpochEnd, epochs: int | None) -> str:
    """``epoch 3/10  train/loss 0.123  val/accuracy 97.20%  lr 0.05  ...  *best``."""
    of = f"/{epochs}" if epochs else ""
    best = "  * best" if event.is_best else ""
    return (
        f"epoch {event.epoch}{of}  {metrics_line(event.metrics)}  lr {event.lr:.4g}  "
        f"{event.samples_per_s:,.0f} samples/s  {duration(event.elapsed_s)}{best}"
    )


def stopped_line(event: Stopped) -> str:
    """``stopped after 12 s, step 380: no further improvement (none for 5 epochs)``."""
    return (
        f"stopped after {duration(event.elapsed_s)}, step {event.step}: "
        f"{reason_in_words(event.reason, event.detail)}"
    )


def reason_in_words(reason: str, detail: str, words: str = "") -> str:
    """The reason with its detail, unless that says the same; ``words``: in another language."""
    words = words or REASONS.get(reason, reason)
    return f"{words} ({detail})" if detail and reason != "epochs" else words


def best_line(epoch: int, name: str, value: float) -> str:
    """``best: epoch 9, val/accuracy 100 %``."""
    shown = f"{100 * value:.4g} %" if is_percentage(name) else f"{value:.5g}"
    return f"best: epoch {epoch}, {name} {shown}"
