"""Fetching files and archives; nothing gets its name before its MD5 sum is right."""

import gzip
import hashlib
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TIMEOUT_S = 30
PORTION = 1 << 20  # bytes
SUMS = "checksums.md5"


class Unavailable(Exception):
    """A file that could not be downloaded or has the wrong content."""


@dataclass(frozen=True)
class Files:
    """Single compressed files. ``of_content``: the sums are those of what they contain."""

    mirrors: Sequence[str]
    sums: Mapping[str, str]
    of_content: bool = False

    def fetch(self, folder: Path, sources: Sequence[Path]) -> Iterator[str]:
        """Put them into ``folder``; yields a line for each."""
        for name, md5 in self.sums.items():
            target = folder / name
            if target.is_file() and self.md5_of(target) == md5:
                yield f"{target}: already present"
                continue
            wanted = Wanted(name, md5, self.mirrors, self.md5_of)
            with fetched(wanted, folder, sources) as found:
                written(target, lambda file, found=found: copied(found, file))
                yield f"{target}: from {found.origin}"

    def md5_of(self, path: Path) -> str:
        if not self.of_content:
            return md5_of_file(path)
        try:
            with gzip.open(path) as file:
                return md5_of(file)
        except (OSError, EOFError, zlib.error):
            return md5_of_file(path)  # a copy that is not compressed


@dataclass(frozen=True)
class Archive:
    """Members of one archive."""

    mirrors: Sequence[str]
    name: str
    md5: str
    members: Sequence[str]

    def fetch(self, folder: Path, sources: Sequence[Path]) -> Iterator[str]:
        """Unpack them into ``folder``, each under its last name."""
        if is_unpacked(folder, [Path(member).name for member in self.members]):
            yield f"{folder}: already present"
            return
        wanted = Wanted(self.name, self.md5, self.mirrors, md5_of_file)
        with fetched(wanted, folder, sources) as found:
            sums = self._unpacked(found.path, folder)
            lines = "".join(f"{md5}  {name}\n" for name, md5 in sums.items())
            written(folder / SUMS, lambda file: file.write(lines.encode()))
            yield f"{folder}: {len(sums)} files from {found.origin}"

    def _unpacked(self, path: Path, folder: Path) -> dict[str, str]:
        """{name: MD5 sum} of the members, now in ``folder``."""
        sums = {}
        try:
            with opened_archive(path) as member_of:
                for member in self.members:
                    target = folder / Path(member).name
                    with member_of(member) as content:
                        written(target, lambda file, c=content: shutil.copyfileobj(c, file))
                    sums[target.name] = md5_of_file(target)
        except (KeyError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile) as error:
            raise Unavailable(f"{path}: cannot be unpacked: {error}") from None
        return sums


@dataclass(frozen=True)
class Found:
    """A file whose sum is right, and where it came from."""

    path: Path
    origin: str


@dataclass(frozen=True)
class Wanted:
    """A file that is looked for, and how its sum is taken."""

    name: str
    md5: str
    mirrors: Sequence[str]
    md5_of: Callable[[Path], str]


@contextmanager
def fetched(wanted: Wanted, folder: Path, sources: Sequence[Path]) -> Iterator[Found]:
    """The file: from the folders ``sources`` if there are any, else downloaded to ``folder``."""
    if sources:
        path = local(wanted.name, sources)
        if wanted.md5_of(path) != wanted.md5:
            raise Unavailable(f"{path}: its MD5 sum is not {wanted.md5}; nothing was written")
        yield Found(path, str(path))
        return
    temporary = folder / f"{wanted.name}.download"
    try:
        yield Found(temporary, downloaded(wanted, temporary))
    finally:
        temporary.unlink(missing_ok=True)


def local(name: str, sources: Sequence[Path]) -> Path:
    """The file in one of the folders, compressed or not."""
    names = dict.fromkeys((name, name.removesuffix(".gz")))
    found = [folder / each for folder in sources for each in names if (folder / each).is_file()]
    if not found:
        raise Unavailable(f"{sources[0]}: contains no {' and no '.join(names)}")
    return found[0]


def downloaded(wanted: Wanted, path: Path) -> str:
    """Download to ``path`` from the first mirror that has the right file; its address."""
    problems = []
    for mirror in wanted.mirrors:
        url = f"{mirror}/{wanted.name}"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, path.open("wb") as file:
                shutil.copyfileobj(answer, file, PORTION)
        except (urllib.error.URLError, OSError) as error:
            problems.append(f"{url}: {error}")
            continue
        if wanted.md5_of(path) == wanted.md5:
            return url
        problems.append(f"{url}: its MD5 sum is not {wanted.md5}")
    tried = "".join(f"\n  {problem}" for problem in problems)
    raise Unavailable(
        f"{wanted.name} could not be fetched:{tried}\n"
        "If you have the files, give their folder with --from DIR."
    )


@contextmanager
def opened_archive(path: Path) -> Iterator[Callable[[str], IO[bytes]]]:
    """A function that opens a member by its name; ``KeyError`` if there is no such file."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield archive.open
        return
    with tarfile.open(path) as archive:

        def member_of(name: str) -> IO[bytes]:
            content = archive.extractfile(name)
            if content is None:
                raise KeyError(f"{name} is not a file")
            return content

        yield member_of


def written(target: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """A file that gets its name when it is complete."""
    temporary = target.with_name(f"{target.name}.part")
    try:
        with temporary.open("wb") as file:
            fill(file)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def copied(found: Found, file: IO[bytes]) -> None:
    """Copy a file, compressed if it is not."""
    with found.path.open("rb") as content:
        packed = content.read(2) == b"\x1f\x8b"
        content.seek(0)
        if packed:
            shutil.copyfileobj(content, file, PORTION)
            return
        with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as compressed:
            shutil.copyfileobj(content, compressed, PORTION)


def is_unpacked(folder: Path, names: Sequence[str]) -> bool:
    """Whether all files are there as they were recorded."""
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        recorded = dict(reversed(line.split("  ", 1)) for line in lines)
        return all(md5_of_file(folder / name) == recorded[name] for name in names)
    except (OSError, ValueError, KeyError):
        return False


def md5_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return md5_of(file)


def md5_of(file: IO[bytes]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    while portion := file.read(PORTION):
        digest.update(portion)
    return digest.hexdigest()
