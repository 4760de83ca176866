"""Building the compiled kernels: every C file once per instruction set and type of number.

Used by setuptools (``pyproject.toml``) and importing nothing of cnntrain. Where it fails, the
installation goes on without them, unless ``CNNTRAIN_REQUIRE_NATIVE=1``.
"""

import os
import platform
from pathlib import Path

from setuptools import Extension
from setuptools.command.build_ext import build_ext

SOURCES = Path("cnntrain/native/c")
EXACT = ["-O3", "-g0", "-fPIC", "-std=gnu11", "-ffp-contract=off", "-fno-math-errno"]
V3 = ["-mavx2", "-mfma", "-mbmi", "-mbmi2", "-mlzcnt", "-mf16c", "-DISA_V3"]
V4 = ["-march=x86-64-v4", "-mprefer-vector-width=512", "-DISA_V4"]
SETS = {
    "x86_64": {"v4": V4, "v3": V3},
    "amd64": {"v4": V4, "v3": V3},
    "aarch64": {"neon": ["-DISA_NEON"]},
    "arm64": {"neon": ["-DISA_NEON"]},
}
TYPES = {"f4": [], "f8": ["-DREAL_IS_DOUBLE"]}


class BuildKernels(build_ext):
    """``build_ext`` that adds ``kernels.c`` as compiled for every instruction set and type."""

    def build_extension(self, ext: Extension) -> None:
        ext.optional = not os.environ.get("CNNTRAIN_REQUIRE_NATIVE")
        strict = [] if ext.optional else ["-Wall", "-Wextra", "-Werror"]
        ext.extra_compile_args = [*EXACT, *strict]
        ext.depends = sorted(map(str, [*SOURCES.iterdir(), Path(__file__)]))
        sets = SETS.get(platform.machine().lower(), {}) | {"plain": []}
        ext.extra_objects = [
            self._compiled(f"kernels_{isa}_{number}", [*EXACT, *strict, *flags, *as_type])
            for isa, flags in sets.items()
            for number, as_type in TYPES.items()
        ]
        super().build_extension(ext)

    def _compiled(self, table: str, flags: list[str]) -> str:
        (built,) = self.compiler.compile(
            [str(SOURCES / "kernels.c")],
            output_dir=str(Path(self.build_temp) / table),
            extra_postargs=[*flags, f"-DTABLE={table}"],
        )
        return str(built)
