"""The contents of a config as frozen values. The docstrings are the reference of its keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Lt
from pydantic import Field

from cnntrain.data import Source
from cnntrain.data.augment import Augmentation
from cnntrain.data.normalize import Normalization, TargetNormalization
from cnntrain.metrics import Metric
from cnntrain.network.graph import Item
from cnntrain.network.objective import LossTerm
from cnntrain.optimizers import Optimizer
from cnntrain.optimizers.schedules import Constant, Schedule
from cnntrain.optimizers.sgd import Sgd
from cnntrain.registry import Spec
from cnntrain.types import Count, Fraction, Natural, NonNegative, Positive

DEFAULT_BATCH_SIZE = 32
DEFAULT_EPOCHS = 10
STANDARDIZE = "standardize"


@dataclass(frozen=True, kw_only=True)
class Data(Spec):
    """``data:`` the source and its options, and how its samples are used.

    ``test_split``: samples of the training files used as the test split, if the source has none: a
    count or a fraction.
    ``validation``: samples held out of the training split, a count or a fraction.
    ``fold``: i/k, the i-th of k parts is held out instead (cross-validation; ``--fold``).
    ``augment``: random changes of the training samples, applied in this order.
    ``normalize``: none | unit | per_channel | per_feature, with statistics of the training split.
    ``normalize_targets``: none | standardize, for regression: mean 0 and deviation 1 of every
    target in training; the loss is that of these, all metrics are in the units of the data.
    ``targets: standardize`` means the same where the source has no columns to name with it.
    """

    source: Source
    validation: Natural | Fraction = 0
    test_split: Natural | Fraction = 0
    fold: Annotated[str, Field(pattern=r"^[1-9][0-9]*/[1-9][0-9]*$")] | None = None
    normalize: Normalization = "none"
    normalize_targets: TargetNormalization = "none"
    augment: tuple[Augmentation, ...] = ()

    @classmethod
    def expand(cls, options: Any) -> Any:
        """Move the options of the source, given next to the keys of ``data``, under its kind."""
        if not isinstance(options, dict) or not isinstance(options.get("source"), str):
            return options
        if options.get("targets") == STANDARDIZE and "normalize_targets" not in options:
            rest = {name: value for name, value in options.items() if name != "targets"}
            options = {**rest, "normalize_targets": STANDARDIZE}
        own = {name: options[name] for name in cls.own_keys() & options.keys()}
        return {**own, "source": {options["source"]: cls.source_options(options)}}

    @classmethod
    def own_keys(cls) -> set[str]:
        return {field.name for field in fields(cls)} - {"source"}

    @classmethod
    def source_options(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        own = {"source", *cls.own_keys()}
        return {name: value for name, value in options.items() if name not in own}

    @classmethod
    def collapse(cls, options: dict[str, Any]) -> Any:
        """The inverse of ``expand``."""
        source = options.pop("source")
        ((kind, inner),) = ({source: {}} if isinstance(source, str) else source).items()
        return {"source": kind, **inner, **options}


@dataclass(frozen=True, kw_only=True)
class Stop(Spec):
    """``train.stop:`` additional reasons to stop, whichever comes first.

    ``threshold``: ε, stop when no W or b changed by ε or more in an update.
    ``patience``: epochs without improvement of the monitored metric. ``target``: sufficient values
    of metrics, such as ``{val/accuracy: 0.99}``. ``minutes``: time spent training.
    """

    threshold: Positive | None = None
    patience: Count | None = None
    target: Mapping[str, float] = field(default_factory=dict)
    minutes: Positive | None = None


@dataclass(frozen=True, kw_only=True)
class Clip(Spec):
    """``train.clip:`` bounds on ∂C/∂W, penalty included.

    ``value``: every entry is clipped to [-value, value]. ``norm``: all gradients together are
    scaled down to this Euclidean norm (Pascanu et al. 2013). ``value`` is applied first.
    """

    value: Positive | None = None
    norm: Positive | None = None

    def __bool__(self) -> bool:
        return self.value is not None or self.norm is not None


@dataclass(frozen=True, kw_only=True)
class Train(Spec):
    """``train:`` duration, batch size, penalties and stopping.

    ``mode``: batch (all samples per update), mini-batch (``batch_size`` samples, default 32) or
    sgd (one). ``accumulate``: so many batches, one after the other, make one update: that of a
    batch so many times as large, bit for bit unless batch_norm looks at each, in less memory.
    ``epochs``, ``max_steps``: whichever comes first; 10 epochs if neither is given.
    ``l2``: λ of the penalty λ/2m Σ W² over all weights, not biases, for m training samples;
    ``l1``: λ of λ/m Σ |W| (with ``l2``: elastic net).
    ``clip``: bounds on the gradient. ``max_norm``: largest norm of the weights of one unit.
    ``average``: decay of a moving average of the weights, which is then used for evaluation.
    ``shuffle``: a new order every epoch (ignored in batch mode, where order is irrelevant).
    ``monitor``: the metric that determines the best epoch; default val/accuracy, or val/loss for
    regression, or the same of the training split if there is no validation split.
    ``checkpoint_steps``: steps between checkpoints that are kept.
    """

    mode: Literal["batch", "mini-batch", "sgd"] = "mini-batch"
    batch_size: Count | None = None
    accumulate: Count = 1
    epochs: Count | None = None
    max_steps: Count | None = None
    l2: NonNegative = 0.0
    l1: NonNegative = 0.0
    clip: Clip = field(default_factory=Clip)
    max_norm: Positive | None = None
    average: Fraction | None = None
    shuffle: bool = True
    monitor: str | None = None
    checkpoint_steps: Count | None = None
    stop: Stop = field(default_factory=Stop)

    def __post_init__(self) -> None:
        allowed = {"mini-batch": None, "sgd": 1, "batch": 0}[self.mode]
        if self.batch_size is not None and allowed is not None and self.batch_size != allowed:
            portion = "one sample" if self.mode == "sgd" else "all samples"
            raise ValueError(
                f"mode {self.mode!r} uses {portion} per update; omit 'batch_size' "
                "or use mode 'mini-batch'"
            )
        if self.mode != "mini-batch" and self.accumulate > 1:
            raise ValueError("'accumulate' is for mode 'mini-batch'; omit it")
        if self.mode == "mini-batch" and self.batch_size is None:
            object.__setattr__(self, "batch_size", DEFAULT_BATCH_SIZE)
        if self.epochs is None and self.max_steps is None:
            object.__setattr__(self, "epochs", DEFAULT_EPOCHS)

    def samples_per_step(self, samples: int) -> int:
        """The number of training samples, out of ``samples``, that one update uses."""
        size = (self.batch_size or 1) * self.accumulate
        return {"batch": samples, "sgd": 1}.get(self.mode) or min(size, samples)

    def monitored(self, has_validation: bool, has_labels: bool) -> str:
        """The metric that determines the best epoch."""
        split = "val" if has_validation else "train"
        return self.monitor or f"{split}/{'accuracy' if has_labels else 'loss'}"


@dataclass(frozen=True, kw_only=True)
class Log(Spec):
    """``log:`` what a run writes besides its metrics; has no effect on training.

    ``stats``: steps between records of layer statistics in ``stats.jsonl``: mean, deviation and
    norm of every array, norm of its gradient (including penalty and clipping), ‖ΔW‖/‖W‖; mean and
    deviation of every output, and the share of units of an activation that are 0 for all samples.
    ``tensorboard``: event files for TensorBoard (``pip install "cnntrain[tensorboard]"``).
    """

    stats: Count | None = None
    tensorboard: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan(Spec):
    """A complete config. ``name``: name of the run folder (default: that of the file).

    ``seed``: seed of all random draws. ``dtype``: float32 or float64. ``input``: shape of a sample,
    checked against the data; if given, the network can be inspected without the data.
    """

    name: Annotated[str, Field(pattern=r"^\w[\w.-]*$", max_length=100)]
    seed: Annotated[int, Ge(0), Lt(2**64)] = 0
    dtype: Literal["float32", "float64"] = "float32"
    input: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None
    data: Data
    network: Annotated[tuple[Item, ...], Field(min_length=1)]
    loss: Annotated[tuple[LossTerm, ...], Field(min_length=1)]
    metrics: tuple[Metric, ...] = ()
    optimizer: Optimizer = field(default_factory=Sgd)
    schedule: Schedule = field(default_factory=Constant)
    train: Train = field(default_factory=Train)
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        on_last = sum(term.output is None for term in self.loss)
        if on_last != 1:
            raise ValueError(f"exactly one loss must omit 'output'; found {on_last}")

    @classmethod
    def expand(cls, options: Any) -> Any:
        """``loss: X`` means ``loss: [X]``."""
        if not isinstance(options, dict) or isinstance(options.get("loss", ()), tuple):
            return options
        return {**options, "loss": (options["loss"],)}

    @classmethod
    def collapse(cls, options: dict[str, Any]) -> Any:
        """The inverse of ``expand``."""
        loss = options["loss"]
        return {**options, "loss": loss[0] if len(loss) == 1 else loss}

    @property
    def numpy_dtype(self) -> "np.dtype[Any]":
        return np.dtype(self.dtype)


SECTIONS: dict[str, type[Spec]] = {
    "": Plan,
    "data": Data,
    "train": Train,
    "train.stop": Stop,
    "train.clip": Clip,
    "log": Log,
}
