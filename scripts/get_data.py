"""Download a data set, or copy it from a folder, and verify it.

    python scripts/get_data.py mnist --to DIR              from its public mirrors
    python scripts/get_data.py mnist --to DIR --from DIR2  from existing files

Data sets: mnist, fashion-mnist, kmnist, emnist, cifar10, cifar100. Writes DIR/<data set>/*, files
as the sources ``idx``, ``cifar10`` and ``cifar100`` read them. Nothing gets its name before its MD5
sum is right, and correct files are kept. What is unpacked from an archive is recorded in
``checksums.md5`` (``md5sum -c`` reads it), by which it is recognized later.

Where the sums come from is told in ``data_sets/known.py``.
"""

import argparse
import sys
from pathlib import Path

from data_sets.fetch import Unavailable
from data_sets.known import DATASETS


def main() -> int:
    """Parse the command line and fetch all files; 0 if all of them are present and correct."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="data folder")
    parser.add_argument("--from", dest="source", type=Path, metavar="DIR", help="local copy")
    options = parser.parse_args()
    folder = options.to / options.dataset
    given = [options.source, options.source / options.dataset] if options.source else []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for line in DATASETS[options.dataset].fetch(folder, given):
            print(line)
    except (Unavailable, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
