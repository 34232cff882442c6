"""Where a run's files lie: the only place that names them. A run folder is the truth of a run."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruning.choices import Blocks


def home() -> Path:
    """Folder of all runs, `PRUNING_HOME` (default `runs/`)."""
    return Path(os.environ.get("PRUNING_HOME", "runs")).absolute()


def data_home() -> Path:
    """Folder of the data sets, `PRUNING_DATA` (default `data/`)."""
    return Path(os.environ.get("PRUNING_DATA", "data")).absolute()


def cache_home() -> Path:
    """Folder of what can be made again: decoded photos, data cards, inspected networks."""
    return home() / "cache"


@dataclass(frozen=True)
class Run:
    """One run's folder. `status.json` is the worker's, `control.json` the supervisor's; the rest are artifacts."""

    path: Path

    @classmethod
    def of(cls, number: int) -> "Run":
        return cls(home() / f"{number:05d}")

    @property
    def number(self) -> int:
        return int(self.path.name)

    spec = property(lambda self: self.path / "spec.json")
    folders = property(
        lambda self: self.path / "folders.json"
    )  # {"data": data_home() of whoever submitted it, "tree"?: 3}
    control = property(lambda self: self.path / "control.json")  # {"attempt": 1, "want": "" | "cancel"}
    status = property(lambda self: self.path / "status.json")  # heartbeat, see pruning/report.py
    metrics = property(lambda self: self.path / "metrics.jsonl")  # one line an epoch
    events = property(lambda self: self.path / "events.jsonl")  # the timeline in plain words
    log = property(lambda self: self.path / "log.txt")
    checkpoints = property(lambda self: self.path / "ckpt")  # resume points of the running job
    model = property(
        lambda self: self.path / "model.safetensors"
    )  # the network this run ends with (best on validation)
    channels = property(lambda self: self.path / "channels.json")  # groups, protected layers, count formulas
    scores = property(lambda self: self.path / "scores.json")  # {criterion: {group: [score, …]} or {"error": …}}
    channels_whole = property(lambda self: self.path / "channels_whole.json")  # for blocks=whole, where that differs
    scores_whole = property(lambda self: self.path / "scores_whole.json")
    plan = property(lambda self: self.path / "plan.json")
    early = property(lambda self: self.path / "early.pt")  # weights after the training's early epoch
    steps = property(lambda self: self.path / "steps")  # networks between the steps of a schedule
    masks = property(lambda self: self.path / "masks.json")  # sparsity per tensor, and what removal would save
    masked = property(lambda self: self.path / "masks.safetensors")  # the masks themselves, by parameter
    scan = property(lambda self: self.path / "scan.json")  # accuracy when each group alone is cut
    search = property(lambda self: self.path / "search.json")  # trials of a search and their Pareto front
    audit = property(lambda self: self.path / "audit.json")  # criteria against the ablation oracle
    ablation = property(lambda self: self.path / "ablation.jsonl")  # the loss without each filter, as it is found
    filters = property(lambda self: self.path / "filters.npz")  # a small picture of every filter, by "inside/conv1"
    evaluated = property(lambda self: self.path / "evaluated.json")  # what a plan's cut really left
    latency = property(lambda self: self.path / "latency.json")  # times of the layers at many widths
    changes = property(lambda self: self.path / "changes.json")  # dense beside pruned on the same images
    pictures = property(lambda self: self.path / "pictures")  # images that such a comparison shows
    notes = property(lambda self: self.path / "notes.json")  # what the user says of the run: title, tags, note, star
    summary_before = property(lambda self: self.path / "summary_before.txt")  # torchinfo
    summary_after = property(lambda self: self.path / "summary_after.txt")
    result = property(lambda self: self.path / "result.json")

    def explained(self, blocks: Blocks) -> tuple[Path, Path]:
        """Channels and scores for this way to cut blocks; the same for both where the network has none."""
        if blocks is Blocks.WHOLE and self.channels_whole.exists():
            return self.channels_whole, self.scores_whole
        return self.channels, self.scores


def write_atomic(path: Path, content: str | bytes) -> None:
    """Temp file in the same folder + fsync + rename: a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    write_atomic(path, json.dumps(value, indent=1))


def read_json(path: Path, default: Any = None) -> Any:
    """The file's JSON, or `default` when there is no such file."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return default


def append_line(path: Path, record: dict[str, Any]) -> None:
    with open(path, "a") as file:
        file.write(json.dumps(record) + "\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All whole JSON lines of a file; a line torn by a crash is left out."""
    if not path.exists():
        return []
    records = []
    for line in path.read_text().splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return records
