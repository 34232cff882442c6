"""Which photos a folder (or a ZIP file of one) holds: train/CLASS/*, test/CLASS/*, told in words where it does not."""

import hashlib
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pruning.errors import UserError

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
PARTS = ("train", "test")
ADVICE = "Arrange the folder as train/CLASS/* and test/CLASS/*, one folder for each class."


@dataclass(frozen=True)
class File:
    path: str  # relative to the folder, with its own upper and lower case
    stamp: str  # size and time: changes when the file does


@dataclass(frozen=True)
class Listing:
    """Photos by part, each with the number of its class."""

    classes: tuple[str, ...]
    train: tuple[tuple[File, int], ...]
    test: tuple[tuple[File, int], ...]
    key: str  # of the folder, its file names and their stamps
    read: Callable[[str], bytes]


def scan(folder: str) -> Listing:
    """List the photos of a folder or a ZIP file; raises UserError that says what was expected and what was found."""
    if not folder:
        raise UserError("no folder is named", do="Name the folder that holds train/CLASS/* and test/CLASS/*.")
    root = Path(folder).expanduser().absolute()
    if root.is_dir():
        return _listing(root, list(_walk(root)), lambda path: (root / path).read_bytes())
    if root.is_file() and zipfile.is_zipfile(root):
        archive = zipfile.ZipFile(root)  # open for the listing's life: its table of contents is slow to read
        prefix, files = _unzip(archive)
        return _listing(root, files, lambda path: archive.read(prefix + path))
    raise UserError(
        f"{root} is neither a folder nor a ZIP file", do="Check the path for a slip, and that it is readable."
    )


def _walk(root: Path) -> Iterator[File]:
    for part in sorted(root.iterdir()):
        if part.name.lower() in PARTS and part.is_dir():
            for folder, folders, names in os.walk(part, followlinks=True):
                folders.sort()
                for name in sorted(names):
                    path = Path(folder, name)
                    if _is_photo(name):
                        status = path.stat()
                        yield File(path.relative_to(root).as_posix(), f"{status.st_size} {status.st_mtime_ns}")


def _unzip(archive: zipfile.ZipFile) -> tuple[str, list[File]]:
    """The folder in the ZIP file that holds train and test ("" or "name/"), and its photos."""
    infos = [i for i in archive.infolist() if not i.is_dir() and not i.filename.startswith("__MACOSX")]
    tops = {i.filename.split("/")[0] for i in infos}
    prefix = f"{tops.pop()}/" if len(tops) == 1 and next(iter(tops)).lower() not in PARTS else ""
    return prefix, [File(i.filename[len(prefix) :], f"{i.file_size} {i.CRC}") for i in infos if _is_photo(i.filename)]


def _is_photo(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".")


def _listing(root: Path, files: list[File], read: Callable[[str], bytes]) -> Listing:
    found: dict[str, list[tuple[File, str]]] = {part: [] for part in PARTS}
    loose: Counter[str] = Counter()
    for file in files:
        part, *rest = PurePosixPath(file.path).parts
        if part.lower() in PARTS and len(rest) > 1:
            found[part.lower()].append((file, rest[0]))
        elif part.lower() in PARTS:
            loose[part.lower()] += 1
    classes = _classes(root, found, loose)
    train, test = (tuple((file, classes.index(name)) for file, name in found[part]) for part in PARTS)
    lines = [str(root), *(f"{file.path} {file.stamp}" for file, _ in (*train, *test))]
    return Listing(classes, train, test, hashlib.sha256("\n".join(lines).encode()).hexdigest()[:24], read)


def _classes(root: Path, found: dict[str, list[tuple[File, str]]], loose: Counter[str]) -> tuple[str, ...]:
    """The class names, the same in both parts; raises UserError where they are not."""
    names = {part: {name for _, name in photos} for part, photos in found.items()}
    for part in PARTS:
        if not names[part]:
            there = f"{loose[part]} files directly in {part}/" if loose[part] else f"no photos in {part}/"
            raise UserError(f"{root}: expected {part}/dogs/*, {part}/cats/*; found {there}", do=ADVICE)
    if names["train"] != names["test"]:
        odd = [_only(names, part, other) for part, other in (PARTS, PARTS[::-1]) if names[part] - names[other]]
        raise UserError(f"{root}: {'; '.join(odd)}", do="Give train and test the same class folders.")
    if len(names["train"]) < 2:
        raise UserError(f"{root}: only one class, {next(iter(names['train']))}", do=ADVICE)
    return tuple(sorted(names["train"]))


def _only(names: dict[str, set[str]], part: str, other: str) -> str:
    return f"only {part} has photos of {', '.join(sorted(names[part] - names[other]))}"
