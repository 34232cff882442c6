"""Resume points of a running job: whole or not there, the last two kept, each with its checksum in its name."""

import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

import torch

KEPT = 2


def store(folder: Path, stage: str, step: int, state: dict[str, Any]) -> None:
    """Write `state` as the newest resume point of `stage`; only the last two stay."""
    temporary = write(folder, state)
    os.replace(temporary, folder / f"{stage}-{step:09d}-{digest(temporary)}.pt")
    for old in points(folder, stage)[:-KEPT]:
        old.unlink()


def newest(folder: Path, stage: str) -> dict[str, Any] | None:
    """The newest state of `stage` whose checksum fits its name (a torn file falls back to the one before), or None."""
    for path in reversed(points(folder, stage)):
        if path.stem.endswith(digest(path)):
            return read(path)
    return None


def store_best(folder: Path, stage: str, weights: dict[str, Any]) -> None:
    os.replace(write(folder, weights), best(folder, stage))


def store_early(folder: Path, weights: dict[str, Any], path: Path) -> None:
    """Write weights that outlive the job's resume points in `folder`; `read` reads them."""
    os.replace(write(folder, weights), path)


def best(folder: Path, stage: str) -> Path:
    """Where the weights that did best on validation lie; `checkpoint.load_weights` reads them."""
    return folder / f"{stage}-best.pt"


def read(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def points(folder: Path, stage: str) -> list[Path]:
    return sorted(folder.glob(f"{stage}-[0-9]*.pt"))


def write(folder: Path, state: dict[str, Any]) -> Path:
    """Save to a temporary file on disk, streaming: a big network must not be held twice in memory."""
    folder.mkdir(parents=True, exist_ok=True)
    for left_by_a_kill in folder.glob(".*.tmp"):
        left_by_a_kill.unlink()
    temporary = folder / f".{secrets.token_hex(8)}.tmp"
    with open(temporary, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
