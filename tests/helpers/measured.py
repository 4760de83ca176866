"""``measured.py FILE WORD ...``: run ``cnntrain WORD ...``; write what it took to FILE.

The peak of its memory in kB, and the seconds that it computed. The peak is that of this process
from its start, unlike ``ru_maxrss``, which begins with the peak of its parent.
"""

import atexit
import re
import sys
import time
from pathlib import Path

from cnntrain.__main__ import run


def record(path):
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = re.search(r"VmHWM:\s+(\d+)", status)[1]
    Path(path).write_text(f"{peak} {time.process_time()}", encoding="ascii")


if __name__ == "__main__":
    atexit.register(record, sys.argv[1])
    del sys.argv[1]
    run()
