"""Download MNIST, or copy it from a folder, and verify it.

    python scripts/get_data.py mnist --to DIR              from its public mirrors
    python scripts/get_data.py mnist --to DIR --from DIR2  from existing files

Writes DIR/mnist/*.gz. Every file is checked against the MD5 sum of its uncompressed content before
it gets its name, so existing files are correct; correct files are kept.
"""

import argparse
import gzip
import hashlib
import sys
import urllib.error
import urllib.request
import zlib
from pathlib import Path

MD5_OF_CONTENT = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
TIMEOUT_S = 30


class Unavailable(Exception):
    """A file that could not be downloaded or has the wrong content."""


def main() -> int:
    """Parse the command line and fetch all files; 0 if all of them are present and correct."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dataset", choices=["mnist"])
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="data folder")
    parser.add_argument("--from", dest="source", type=Path, metavar="DIR", help="local copy")
    options = parser.parse_args()
    folder = options.to / options.dataset
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, md5 in MD5_OF_CONTENT.items():
            print(f"{folder / name}.gz: {fetch(folder, name, md5, options.source)}")
    except (Unavailable, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def fetch(folder: Path, name: str, md5: str, source: Path | None) -> str:
    """Put one file into ``folder``; returns its origin."""
    target = folder / f"{name}.gz"
    if target.is_file() and content_md5(target.read_bytes()) == md5:
        return "already present"
    data, origin = _local(source, name) if source else _download(name, md5)
    if content_md5(data) != md5:
        raise Unavailable(f"{origin}: its MD5 sum is not {md5}; nothing was written")
    temporary = target.with_suffix(".part")
    temporary.write_bytes(data)
    temporary.replace(target)
    return f"from {origin}"


def content_md5(data: bytes) -> str:
    """MD5 of the decompressed content; empty if it cannot be decompressed."""
    try:
        return hashlib.md5(gzip.decompress(data), usedforsecurity=False).hexdigest()
    except (OSError, EOFError, zlib.error):
        return ""


def _local(source: Path, name: str) -> tuple[bytes, str]:
    for folder in (source, source / "mnist"):
        packed, raw = folder / f"{name}.gz", folder / name
        if packed.is_file():
            return packed.read_bytes(), str(packed)
        if raw.is_file():
            return gzip.compress(raw.read_bytes(), mtime=0), str(raw)
    raise Unavailable(f"{source}: contains neither {name}.gz nor {name}")


def _download(name: str, md5: str) -> tuple[bytes, str]:
    problems = []
    for mirror in MIRRORS:
        url = f"{mirror}/{name}.gz"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
                data: bytes = answer.read()
        except (urllib.error.URLError, OSError) as error:
            problems.append(f"{url}: {error}")
            continue
        if content_md5(data) == md5:
            return data, url
        problems.append(f"{url}: its MD5 sum is not {md5}")
    tried = "".join(f"\n  {problem}" for problem in problems)
    raise Unavailable(
        f"{name}.gz could not be fetched:{tried}\n"
        "If you have the files, give their folder with --from DIR."
    )


if __name__ == "__main__":
    sys.exit(main())
