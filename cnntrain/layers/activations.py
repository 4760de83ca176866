"""Activations a = f(z): elementwise, except softmax, which couples channels.

Each defines f, and δ = ∂C/∂z from ∂C/∂a in terms of z or of a, whichever is cheaper.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from cnntrain.layers.base import Context, Example, Layer
from cnntrain.native import activations as compiled
from cnntrain.native import losses, twinned
from cnntrain.ops import stable
from cnntrain.ops.erf import erf
from cnntrain.ops.sums import class_sums
from cnntrain.types import Array, Arrays, NonNegative, Params, Positive, Shape


class Activation(Layer):
    """Base: any shape -> the same; δ = ∂C/∂a ⊙ f'(z), where ``kept`` is a or z."""

    arithmetic: ClassVar[tuple[str, ...]] = ("f", "delta")
    reads: ClassVar[str] = "z"
    gives: ClassVar[str] = "a"
    derivative: ClassVar[str] = ""  # f' in LaTeX, unless ``gradients`` is given
    keeps_z: ClassVar[bool] = False  # whether the backward pass needs z instead of a

    @classmethod
    def backward_formulas(cls) -> Mapping[str, str]:
        chain = r"\delta = \frac{\partial C}{\partial a} \odot f'(z)"
        return cls.gradients or {"x": rf"{chain}, \; {cls.derivative}"}

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def f(self, z: Array) -> Array:
        """a = f(z)."""
        raise NotImplementedError

    def delta(self, da: Array, kept: Array) -> Array:
        """δ = ∂C/∂z from ∂C/∂a and ``kept``."""
        raise NotImplementedError

    def forward(self, params: Arrays, x: Array, ctx: Context) -> tuple[Array, Array]:
        a = self.f(x)
        return a, (x if self.keeps_z else a)

    def backward(
        self, params: Arrays, cache: Array, dy: Array, need_dx: bool = True
    ) -> tuple[Array, Params]:
        return self.delta(dy, cache), {}

    @classmethod
    def examples(cls) -> list[Example]:
        return [Example(cls(), (3, 2, 2), reach=8.0), Example(cls(), (5,), batch=3)]


@dataclass(frozen=True, kw_only=True)
class Identity(Activation, kind="identity"):
    """a = z; f' = 1. A linear unit."""

    only_views: ClassVar[bool] = True
    formula: ClassVar[str] = "a = z"
    derivative: ClassVar[str] = "f' = 1"

    def f(self, z: Array) -> Array:
        return z

    def delta(self, da: Array, kept: Array) -> Array:
        return da


@dataclass(frozen=True, kw_only=True)
class Sigmoid(Activation, kind="sigmoid"):
    """a = 1 / (1 + e^-z); f' = a (1 - a). Never overflows."""

    formula: ClassVar[str] = r"a = \frac{1}{1 + e^{-z}}"
    derivative: ClassVar[str] = "f' = a (1 - a)"

    @twinned(compiled.f("sigmoid_values"))
    def f(self, z: Array) -> Array:
        return stable.sigmoid(z)

    @twinned(compiled.delta("sigmoid_delta"))
    def delta(self, da: Array, kept: Array) -> Array:
        return da * (kept * (1 - kept))


@dataclass(frozen=True, kw_only=True)
class Tanh(Activation, kind="tanh"):
    """a = tanh z; f' = 1 - a²."""

    formula: ClassVar[str] = r"a = \tanh z"
    derivative: ClassVar[str] = "f' = 1 - a^2"

    @twinned(compiled.f("tanh_values"))
    def f(self, z: Array) -> Array:
        return np.tanh(z)

    @twinned(compiled.delta("tanh_delta"))
    def delta(self, da: Array, kept: Array) -> Array:
        return da * (1 - kept * kept)


@dataclass(frozen=True, kw_only=True)
class Relu(Activation, kind="relu"):
    """a = max(z, 0); f' = 1 for z > 0, else 0 (also at 0). Nair & Hinton 2010."""

    formula: ClassVar[str] = r"a = \max(z, 0)"
    derivative: ClassVar[str] = r"f' = 1 \;\text{if}\; z > 0 \;\text{else}\; 0"
    commutes_with_max: ClassVar[bool] = True

    @twinned(compiled.f("relu"))
    def f(self, z: Array) -> Array:
        return stable.positive_part(z)

    @twinned(compiled.delta("relu_delta"))
    def delta(self, da: Array, kept: Array) -> Array:
        return da * (kept > 0)


@dataclass(frozen=True, kw_only=True)
class Relu6(Activation, kind="relu6"):
    """a = min(max(z, 0), 6); f' = 1 for 0 < z < 6, else 0. Howard et al. 2017."""

    formula: ClassVar[str] = r"a = \min(\max(z, 0), 6)"
    derivative: ClassVar[str] = r"f' = 1 \;\text{if}\; 0 < z < 6 \;\text{else}\; 0"
    commutes_with_max: ClassVar[bool] = True

    @twinned(compiled.f("relu6"))
    def f(self, z: Array) -> Array:
        return np.clip(z, 0, 6)

    @twinned(compiled.delta("relu6_delta"))
    def delta(self, da: Array, kept: Array) -> Array:
        return da * ((kept > 0) & (kept < 6))


@dataclass(frozen=True, kw_only=True)
class LeakyRelu(Activation, kind="leaky_relu"):
    """a = z for z > 0, else slope·z; f' = 1 or slope (slope at 0). Maas et al. 2013.

    Option: ``slope`` >= 0, default 0.01.
    """

    formula: ClassVar[str] = r"a = z \;\text{if}\; z > 0 \;\text{else}\; \text{slope} \cdot z"
    derivative: ClassVar[str] = r"f' = 1 \;\text{if}\; z > 0 \;\text{else}\; \text{slope}"

    slope: NonNegative = 0.01

    keeps_z: ClassVar[bool] = True  # with slope 0 the sign of z is lost in a

    @twinned(compiled.f("leaky_relu", "slope"))
    def f(self, z: Array) -> Array:
        return z * stable.by_sign(z, 1, self.slope)

    @twinned(compiled.delta("leaky_relu_delta", "slope"))
    def delta(self, da: Array, kept: Array) -> Array:
        return da * stable.by_sign(kept, 1, self.slope)


@dataclass(frozen=True, kw_only=True)
class Elu(Activation, kind="elu"):
    """a = z for z > 0, else alpha (e^z - 1); f' = 1 or alpha e^z. Clevert et al. 2016.

    Option: ``alpha``: a tends to -alpha as z → -∞.
    """

    formula: ClassVar[str] = r"a = z \;\text{if}\; z > 0 \;\text{else}\; \alpha (e^z - 1)"
    derivative: ClassVar[str] = r"f' = 1 \;\text{if}\; z > 0 \;\text{else}\; \alpha e^z"

    alpha: Positive = 1.0

    keeps_z: ClassVar[bool] = True

    @twinned(compiled.f("elu", "alpha"))
    def f(self, z: Array) -> Array:
        return stable.positive_part(z) + self.alpha * np.expm1(stable.negative_part(z))

    @twinned(compiled.delta("elu_delta", "alpha"))
    def delta(self, da: Array, kept: Array) -> Array:
        return da * (stable.by_sign(kept, 1, self.alpha) * np.exp(stable.negative_part(kept)))

    @classmethod
    def examples(cls) -> list[Example]:
        return [*super().examples(), Example(cls(alpha=0.5), (4,), reach=8.0)]


@dataclass(frozen=True, kw_only=True)
class Selu(Activation, kind="selu"):
    """a = scale·elu(z; alpha), alpha = 1.6733, scale = 1.0507. Klambauer et al. 2017, eq. 2."""

    formula: ClassVar[str] = (
        r"a = \lambda z \;\text{if}\; z > 0 \;\text{else}\; \lambda \alpha (e^z - 1)"
    )
    derivative: ClassVar[str] = (
        r"f' = \lambda \;\text{if}\; z > 0 \;\text{else}\; \lambda \alpha e^z"
    )

    ALPHA: ClassVar[float] = 1.6732632423543772
    SCALE: ClassVar[float] = 1.0507009873554805

    keeps_z: ClassVar[bool] = True

    @twinned(compiled.f("elu", "ALPHA", "SCALE"))
    def f(self, z: Array) -> Array:
        below = self.ALPHA * np.expm1(stable.negative_part(z))
        return self.SCALE * (stable.positive_part(z) + below)

    @twinned(compiled.delta("elu_delta", "ALPHA", "SCALE"))
    def delta(self, da: Array, kept: Array) -> Array:
        scale = self.SCALE * stable.by_sign(kept, 1, self.ALPHA)
        return da * (scale * np.exp(stable.negative_part(kept)))


@dataclass(frozen=True, kw_only=True)
class Celu(Activation, kind="celu"):
    """a = z for z > 0, else alpha (e^(z/alpha) - 1); f' = 1 or e^(z/alpha). Barron 2017.

    Option: ``alpha``: a tends to -alpha as z → -∞.
    """

    formula: ClassVar[str] = r"a = z \;\text{if}\; z > 0 \;\text{else}\; \alpha (e^{z/\alpha} - 1)"
    derivative: ClassVar[str] = r"f' = 1 \;\text{if}\; z > 0 \;\text{else}\; e^{z/\alpha}"

    alpha: Positive = 1.0

    keeps_z: ClassVar[bool] = True

    @twinned(compiled.f("celu", "alpha"))
    def f(self, z: Array) -> Array:
        below = np.expm1(stable.negative_part(z) / self.alpha)
        return stable.positive_part(z) + self.alpha * below

    @twinned(compiled.delta("celu_delta", "alpha"))
    def delta(self, da: Array, kept: Array) -> Array:
        return da * np.exp(stable.negative_part(kept) / self.alpha)

    @classmethod
    def examples(cls) -> list[Example]:
        return [*super().examples(), Example(cls(alpha=0.5), (4,), reach=8.0)]


@dataclass(frozen=True, kw_only=True)
class Gelu(Activation, kind="gelu"):
    """a = z Φ(z), Φ the standard normal distribution function; f' = Φ(z) + z φ(z), φ = Φ'.

    Option: ``approximation``, ``none`` or ``tanh``:
    Φ ≈ ½ (1 + tanh(√(2/π) (z + 0.044715 z³))). Hendrycks & Gimpel 2016.
    """

    formula: ClassVar[str] = r"a = z \Phi(z)"
    derivative: ClassVar[str] = r"f' = \Phi(z) + z \varphi(z)"

    approximation: Literal["none", "tanh"] = "none"

    keeps_z: ClassVar[bool] = True
    ROOT_2_OVER_PI: ClassVar[float] = math.sqrt(2 / math.pi)
    CUBIC: ClassVar[float] = 0.044715

    def _tanh(self, z: Array) -> Array:
        return np.tanh(self.ROOT_2_OVER_PI * (z + self.CUBIC * z * z * z))

    @twinned(compiled.gelu)
    def f(self, z: Array) -> Array:
        if self.approximation == "tanh":
            return 0.5 * z * (1 + self._tanh(z))
        return 0.5 * z * (1 + erf(z * math.sqrt(0.5)))

    @twinned(compiled.gelu_delta)
    def delta(self, da: Array, kept: Array) -> Array:
        z = kept
        if self.approximation == "tanh":
            t = self._tanh(z)
            inner = self.ROOT_2_OVER_PI * (1 + 3 * self.CUBIC * z * z)
            return da * (0.5 * (1 + t) + 0.5 * z * (1 - t * t) * inner)
        density = np.exp(-0.5 * z * z) * (0.5 * self.ROOT_2_OVER_PI)
        return da * (0.5 * (1 + erf(z * math.sqrt(0.5))) + z * density)

    @classmethod
    def examples(cls) -> list[Example]:
        return [*super().examples(), Example(cls(approximation="tanh"), (4,))]


@dataclass(frozen=True, kw_only=True)
class Silu(Activation, kind="silu"):
    """a = z σ(z); f' = σ (1 + z (1 - σ)). Elfwing et al. 2018; also called swish."""

    formula: ClassVar[str] = r"a = z \sigma(z)"
    derivative: ClassVar[str] = r"f' = \sigma(z) (1 + z (1 - \sigma(z)))"

    keeps_z: ClassVar[bool] = True

    @twinned(compiled.f("silu"))
    def f(self, z: Array) -> Array:
        return z * stable.sigmoid(z)

    @twinned(compiled.delta("silu_delta"))
    def delta(self, da: Array, kept: Array) -> Array:
        s = stable.sigmoid(kept)
        return da * (s * (1 + kept * (1 - s)))


@dataclass(frozen=True, kw_only=True)
class Mish(Activation, kind="mish"):
    """a = z tanh(softplus(z)); f' = t + z (1 - t²) σ(z), t = tanh(softplus(z)). Misra 2019."""

    formula: ClassVar[str] = r"a = z t, \; t = \tanh(\log(1 + e^z))"
    derivative: ClassVar[str] = r"f' = t + z (1 - t^2) \sigma(z)"

    keeps_z: ClassVar[bool] = True

    @twinned(compiled.f("mish"))
    def f(self, z: Array) -> Array:
        return z * np.tanh(stable.softplus(z))

    @twinned(compiled.delta("mish_delta"))
    def delta(self, da: Array, kept: Array) -> Array:
        t = np.tanh(stable.softplus(kept))
        return da * (t + kept * (1 - t * t) * stable.sigmoid(kept))


@dataclass(frozen=True, kw_only=True)
class Softplus(Activation, kind="softplus"):
    """a = log(1 + e^z); f' = σ(z). Dugas et al. 2001. Never overflows."""

    formula: ClassVar[str] = r"a = \log(1 + e^z)"
    derivative: ClassVar[str] = r"f' = \sigma(z)"

    keeps_z: ClassVar[bool] = True

    @twinned(compiled.f("softplus_values"))
    def f(self, z: Array) -> Array:
        return stable.softplus(z)

    @twinned(compiled.delta("softplus_delta"))
    def delta(self, da: Array, kept: Array) -> Array:
        return da * stable.sigmoid(kept)


@dataclass(frozen=True, kw_only=True)
class Softsign(Activation, kind="softsign"):
    """a = z / (1 + |z|); f' = (1 - |a|)². Bergstra et al. 2009."""

    formula: ClassVar[str] = r"a = \frac{z}{1 + |z|}"
    derivative: ClassVar[str] = "f' = (1 - |a|)^2"

    @twinned(compiled.f("softsign"))
    def f(self, z: Array) -> Array:
        return z / (1 + np.abs(z))

    @twinned(compiled.delta("softsign_delta"))
    def delta(self, da: Array, kept: Array) -> Array:
        return da * np.square(1 - np.abs(kept))


@dataclass(frozen=True, kw_only=True)
class HardSigmoid(Activation, kind="hard_sigmoid"):
    """a = min(max(slope·z + shift, 0), 1); f' = slope where 0 < a < 1, else 0.

    Options: ``slope`` and ``shift``; by default 1/6 and ½, as in PyTorch (Keras: 1/6 or 0.2).
    """

    formula: ClassVar[str] = r"a = \min(\max(\text{slope} \cdot z + \text{shift}, 0), 1)"
    derivative: ClassVar[str] = r"f' = \text{slope} \;\text{if}\; 0 < a < 1 \;\text{else}\; 0"

    slope: Positive = 1 / 6
    shift: float = 0.5

    @twinned(compiled.f("hard_sigmoid", "slope", "shift"))
    def f(self, z: Array) -> Array:
        return np.clip(z * self.slope + self.shift, 0, 1)

    @twinned(compiled.delta("hard_sigmoid_delta", "slope", "shift"))
    def delta(self, da: Array, kept: Array) -> Array:
        return da * (((kept > 0) & (kept < 1)) * kept.dtype.type(self.slope))

    @classmethod
    def examples(cls) -> list[Example]:
        return [*super().examples(), Example(cls(slope=0.2, shift=0.4), (4,), reach=4.0)]


@dataclass(frozen=True, kw_only=True)
class HardTanh(Activation, kind="hard_tanh"):
    """a = min(max(z, low), high); f' = 1 for low < z < high, else 0. Collobert 2004.

    Options: ``low`` (-1) and ``high`` (1), which must be larger.
    """

    formula: ClassVar[str] = r"a = \min(\max(z, \text{low}), \text{high})"
    derivative: ClassVar[str] = (
        r"f' = 1 \;\text{if}\; \text{low} < z < \text{high} \;\text{else}\; 0"
    )
    commutes_with_max: ClassVar[bool] = True

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} must be less than high {self.high:g}")

    def f(self, z: Array) -> Array:
        return np.clip(z, self.low, self.high)

    def delta(self, da: Array, kept: Array) -> Array:
        return da * ((kept > self.low) & (kept < self.high))

    @classmethod
    def examples(cls) -> list[Example]:
        return [*super().examples(), Example(cls(low=-2.5, high=0.5), (4,), reach=4.0)]


@dataclass(frozen=True, kw_only=True)
class ThresholdedRelu(Activation, kind="thresholded_relu"):
    """a = z for z > threshold, else 0; f' = 1 or 0. Konda, Memisevic & Krueger 2015.

    Option: ``threshold`` >= 0, at which a jumps.
    """

    formula: ClassVar[str] = r"a = z \;\text{if}\; z > \theta \;\text{else}\; 0"
    derivative: ClassVar[str] = r"f' = 1 \;\text{if}\; z > \theta \;\text{else}\; 0"

    threshold: NonNegative = 1.0

    def f(self, z: Array) -> Array:
        return z * (z > self.threshold)

    def delta(self, da: Array, kept: Array) -> Array:
        return da * (kept > 0)

    @classmethod
    def examples(cls) -> list[Example]:
        return [*super().examples(), Example(cls(threshold=0.0), (4,), reach=4.0)]


@dataclass(frozen=True, kw_only=True)
class HardSwish(Activation, kind="hard_swish"):
    """a = z · hard_sigmoid(z); f' = 0, z/3 + ½ or 1 on the three pieces. Howard et al. 2019."""

    formula: ClassVar[str] = r"a = z \min(\max(\frac{z}{6} + \frac{1}{2}, 0), 1)"
    derivative: ClassVar[str] = (
        r"f' = \frac{z}{3} + \frac{1}{2} \;\text{if}\; |z| < 3, \;\text{else}\; 0 \;\text{or}\; 1"
    )

    keeps_z: ClassVar[bool] = True

    @twinned(compiled.f("hard_swish"))
    def f(self, z: Array) -> Array:
        return z * np.clip(z / 6 + 0.5, 0, 1)

    @twinned(compiled.delta("hard_swish_delta"))
    def delta(self, da: Array, kept: Array) -> Array:
        return da * np.where(np.abs(kept) < 3, kept / 3 + 0.5, kept > 0)


@dataclass(frozen=True, kw_only=True)
class Softmax(Activation, kind="softmax"):
    """a_k = e^(z_k) / Σ_j e^(z_j) over channels or units; δ_k = a_k (∂C/∂a_k - Σ_j a_j ∂C/∂a_j).

    Omit it for classification: the loss ``cross_entropy`` takes logits and includes the softmax.
    """

    formula: ClassVar[str] = r"a_k = \frac{e^{z_k}}{\sum_j e^{z_j}}"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": (
            r"\delta_k = a_k (\frac{\partial C}{\partial a_k} - \sum_j a_j \frac{\partial "
            r"C}{\partial a_j})"
        ),
    }

    def f(self, z: Array) -> Array:
        return stable.softmax(z)

    @twinned(losses.softmax_delta)
    def delta(self, da: Array, kept: Array) -> Array:
        return kept * (da - class_sums(kept * da))

    def flops(self, in_shape: Shape) -> int:
        return 5 * super().flops(in_shape)


@dataclass(frozen=True, kw_only=True)
class LogSoftmax(Activation, kind="log_softmax"):
    """a_k = z_k - log Σ_j e^(z_j) over channels or units; δ_k = ∂C/∂a_k - e^(a_k) Σ_j ∂C/∂a_j."""

    formula: ClassVar[str] = r"a_k = z_k - \log \sum_j e^{z_j}"
    gradients: ClassVar[Mapping[str, str]] = {
        "x": (
            r"\delta_k = \frac{\partial C}{\partial a_k} - e^{a_k} \sum_j \frac{\partial "
            r"C}{\partial a_j}"
        ),
    }

    def f(self, z: Array) -> Array:
        return stable.log_softmax(z)

    @twinned(losses.log_softmax_delta)
    def delta(self, da: Array, kept: Array) -> Array:
        return da - np.exp(kept) * class_sums(da)

    def flops(self, in_shape: Shape) -> int:
        return 5 * super().flops(in_shape)
