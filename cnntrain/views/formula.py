"""Formulas: written once in LaTeX, and converted to plain text where LaTeX cannot be typeset."""

import re
from dataclasses import dataclass
from functools import cached_property

SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η",
    "lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "varphi": "φ", "Phi": "Φ",
    "Delta": "Δ", "Theta": "Θ", "partial": "∂", "sum": "Σ", "prod": "Π", "odot": "⊙",
    "cdot": "·", "star": "⋆", "leftarrow": "←", "le": "≤", "ge": "≥", "ne": "≠", "approx": "≈",
    "dots": "...", "lfloor": "⌊", "rfloor": "⌋", "max": "max", "min": "min", "log": "log",
    "tanh": "tanh", "cos": "cos", "sqrt": "√", "pm": "±", "lVert": "‖", "rVert": "‖",
    "in": "∈", "to": "→",
}  # fmt: skip
RAISED = str.maketrans("0123456789T", "⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ")
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}_^]|[^\\{}_^]+?")


@dataclass(frozen=True)
class Formula:
    """An equation in LaTeX; ``str`` gives it in plain Unicode."""

    latex: str

    @cached_property
    def text(self) -> str:
        """``\\frac{\\partial C}{\\partial W} = \\delta a^T`` -> ``∂C/∂W = δ aᵀ``."""
        return plain(self.latex)

    def __str__(self) -> str:
        return self.text


def plain(latex: str) -> str:
    """The subset of LaTeX used in this package as one line of Unicode."""
    text, _ = _sequence(TOKEN.findall(latex), 0)
    return re.sub(r" +", " ", text).replace("∂ ", "∂").replace("Δ ", "Δ").strip()


def _sequence(tokens: list[str], at: int) -> tuple[str, int]:
    """The text from ``at`` to the closing brace of the group, and the position after it."""
    text = ""
    while at < len(tokens) and tokens[at] != "}":
        if tokens[at] in "_^":
            inner, following = _argument(tokens, at + 1)
            text = text.rstrip() + (_lowered(inner) if tokens[at] == "_" else _raised(inner))
            at = following
        else:
            piece, at = _argument(tokens, at)
            text += piece
    return text, at + 1


def _argument(tokens: list[str], at: int) -> tuple[str, int]:
    """One group, command or letter, and the position after it."""
    token = tokens[at]
    if token == "{":
        return _sequence(tokens, at + 1)
    if not token.startswith("\\"):
        return token, at + 1
    name = token[1:]
    if name == "frac":
        over, at = _argument(tokens, at + 1)
        under, at = _argument(tokens, at)
        return f"{_factor(over)}/{_factor(under)}", at
    if name in ("text", "operatorname"):
        return _argument(tokens, at + 1)
    if name in ("hat", "sqrt"):
        inner, at = _argument(tokens, at + 1)
        return (f"{inner}\u0302" if name == "hat" else f"√{_factor(inner)}"), at
    return SYMBOLS.get(name, " " if name in (",", ";") else name), at + 1


def _factor(text: str) -> str:
    """In brackets, if it would be ambiguous next to a slash or a root."""
    return f"({text})" if re.search(r"[ +/-]", _as_letters(text)) else text


def _as_letters(text: str) -> str:
    """A derivative's ∂C or ∂W counts as one letter."""
    return re.sub(r"∂ ?\w(\[[^]]*\]|_\w)?", "d", text)


def _lowered(inner: str) -> str:
    return f"_{inner}" if len(inner) == 1 else f"[{inner}]"


def _raised(inner: str) -> str:
    if all(c in "0123456789T" for c in inner):
        return inner.translate(RAISED)
    return f"^{inner}" if len(inner) == 1 else f"^({inner})"
