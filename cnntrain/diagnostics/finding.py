"""What a check has found."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One result: what was checked, what was found, and a remedy if it is wrong."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
