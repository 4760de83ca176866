"""Fill the outputs of commands into the documents, or check that they are up to date.

    python scripts/readme.py            # run every command and write its output
    python scripts/readme.py --check    # exit code 1 and the difference if one has changed

A block in a document is a comment that names the command, and the code block under it:

    <!-- output of: cnntrain explain dense -->

Commands run without a shell, in a temporary folder that holds a copy of configs/. ``(lines 1-5)``
behind a command keeps these lines of its output alone.
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
DOCUMENTS = [ROOT / folder / "README.md" for folder in ("", "configs", "scripts", "tests")]
BLOCK = re.compile(
    r"(?P<head><!-- output of: (?P<command>[^\n]+?)"
    r"(?: \(lines (?P<first>\d+)-(?P<last>\d+)\))? -->\n"
    r"```\w*\n)(?P<output>.*?)(?P<foot>```\n)",
    re.DOTALL,
)
INSTRUCTION_SET = re.compile(r"native \((?:v3|v4|neon|plain)\)")  # depends on the machine
FIXED = {"PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT), "COLUMNS": "100", "PYTHONUTF8": "1",
         "CNNTRAIN_ENGINE": "native", "LC_ALL": "C.UTF-8"}  # fmt: skip


def output_of(command: str, folder: Path) -> str:
    """What a command prints, errors included; it must be one of cnntrain."""
    program, *words = shlex.split(command)
    if program != "cnntrain":
        raise ValueError(f"{command}: only commands of cnntrain can be run here")
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
    return INSTRUCTION_SET.sub("native (v4)", done.stdout.rstrip()) + "\n"


def filled(text: str) -> str:
    """The text with every block's output as it is now."""
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
    """0 if the documents are up to date, or have been brought up to date."""
    outdated = 0
    for path in DOCUMENTS:
        old = path.read_text(encoding="utf-8")
        new = filled(old)
        if "--check" not in sys.argv[1:]:
            path.write_text(new, encoding="utf-8")
            continue
        name = str(path.relative_to(ROOT))
        difference = difflib.unified_diff(old.splitlines(), new.splitlines(), name, "now")
        print("\n".join(difference), end="")
        outdated += old != new
    return int(outdated > 0)


if __name__ == "__main__":
    sys.exit(main())
