"""Insert the outputs of commands into README.md, or check that they are up to date.

    python scripts/readme.py            # run every command and write its output
    python scripts/readme.py --check    # exit code 1 and a diff if one has changed

A block in the README is a comment that names the command, followed by a code block:

    <!-- output of: cnntrain explain dense -->

Commands run without a shell, in a temporary folder with a copy of configs/. ``(lines 1-5)`` after
a command keeps only these lines of its output.
"""

import difflib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
BLOCK = re.compile(
    r"(?P<head><!-- output of: (?P<command>[^\n]+?)"
    r"(?: \(lines (?P<first>\d+)-(?P<last>\d+)\))? -->\n"
    r"```\w*\n)(?P<output>.*?)(?P<foot>```\n)",
    re.DOTALL,
)
FIXED = {"PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT), "COLUMNS": "100", "PYTHONUTF8": "1"}


def output_of(command: str, folder: Path) -> str:
    """The output of a cnntrain command, including errors."""
    program, *words = shlex.split(command)
    if program != "cnntrain":
        raise ValueError(f"{command}: only cnntrain commands can be run here")
    env = {key: value for key, value in os.environ.items() if key != "CNNTRAIN_DATA"} | FIXED
    done = subprocess.run(
        [sys.executable, "-m", "cnntrain", *words],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return done.stdout.rstrip() + "\n"


def filled(text: str) -> str:
    """The text with the current output in every block."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "configs", folder / "configs")

        def run(block: re.Match[str]) -> str:
            lines = output_of(block["command"], folder).splitlines(keepends=True)
            if block["first"]:
                lines = lines[int(block["first"]) - 1 : int(block["last"])]
            return block["head"] + "".join(lines) + block["foot"]

        return BLOCK.sub(run, text)


def main() -> int:
    """0 if the README is, or has been brought, up to date."""
    old = README.read_text(encoding="utf-8")
    new = filled(old)
    if "--check" not in sys.argv[1:]:
        README.write_text(new, encoding="utf-8")
        return 0
    difference = difflib.unified_diff(old.splitlines(), new.splitlines(), "README.md", "now")
    print("\n".join(difference), end="")
    return int(old != new)


if __name__ == "__main__":
    sys.exit(main())
