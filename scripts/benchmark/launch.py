"""Run ``python ARGUMENTS`` from a small process: ``[seconds, peak bytes]`` as JSON on stdout.

A process inherits the peak memory of its parent, so a large parent would distort the measurement.
"""

import json
import os
import subprocess
import sys
import time

RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss

if __name__ == "__main__":
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *sys.argv[1:]], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    print(json.dumps([time.perf_counter() - began, usage.ru_maxrss * RSS_UNIT]))
    sys.exit(process.returncode)
