"""Every torchvision classifier and architectures of timm: traced, cut in half, proven. Writes coverage.md.

    python -m benchmarks.coverage [name …] [--rows FILE]

Each network has a process of its own. Rows measured with the same engine are not measured again (`--rows` keeps them).
With names (`resnet18`, `timm/vit_tiny_patch16_224`), their table is printed instead. Exit code 1 when a network fails.
"""

import argparse
import functools
import hashlib
import json
import multiprocessing
import resource
import sys
import tempfile
import time
import warnings
from multiprocessing.connection import Connection
from pathlib import Path

import torch
import torchvision

from benchmarks.examine import Row, examine
from benchmarks.networks import TIMM, TORCHVISION, one_thread
from benchmarks.tables import amount, machine, table

FOLDER = Path(__file__).parent
ROWS = Path(tempfile.gettempdir()) / "espalier-coverage.jsonl"
ENGINE = [
    "channels/*.py",
    "criteria/*.py",
    "allocate.py",
    "limits.py",
    "plan.py",
    "surgery.py",
    "equivalence.py",
    "attention.py",
    "windows.py",
    "interface.py",
]
LIMIT = 600  # seconds for one network
HEADER = ["network", "groups", "parameters", "MACs", "difference", "random shares", "image", "trace, s", "left alone"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rows", type=Path, default=ROWS, help="file that keeps measured rows")
    chosen = parser.parse_args()
    rows = [measured(name, chosen.rows) for name in chosen.names or (*TORCHVISION, *TIMM)]
    if chosen.names:
        print(rows_table(rows))
    else:
        (FOLDER / "coverage.md").write_text(page(rows))
    return any(row["failed"] for row in rows)


@functools.cache
def engine() -> str:
    """A digest of the code that the rows are measured with, as it is when the first is."""
    package = FOLDER.parent / "pruning"
    files = sorted(
        {*package.glob("*.py"), *package.glob("*/*.py")} & {p for part in ENGINE for p in package.glob(part)}
    )
    sources = [*files, FOLDER / "examine.py", FOLDER / "networks.py"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def measured(name: str, kept: Path) -> Row:
    """The row of a network, from the file if it is there."""
    key = {"name": name, "engine": engine()}
    for line in kept.read_text().splitlines() if kept.exists() else ():
        row: Row = json.loads(line)
        if key.items() <= row.items() and not row["failed"]:
            return row
    row = in_process(name) | key
    with kept.open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(f"{row['wall']:6.1f} s  {row.get('peak_mb', 0):6} MB  {name}  {row['failed'] or 'holds'}", flush=True)
    return row


def in_process(name: str) -> Row:
    """Examined in a process of its own, whose memory goes with it."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    child = fork.Process(target=tell, args=(name, theirs))
    started = time.perf_counter()
    child.start()
    theirs.close()
    try:
        row: Row = ours.recv() if ours.poll(LIMIT) else {"failed": f"it took more than {LIMIT} s"}
    except EOFError:
        row = {"failed": "its process ended without a word"}
    child.kill()
    child.join()
    return row | {"wall": time.perf_counter() - started}


def tell(name: str, answer: Connection) -> None:
    warnings.simplefilter("ignore")
    try:
        row = examine(name) | {"failed": ""}
    except Exception as error:  # the border of one network: any failure is a row
        what = f"{type(error).__name__}: {error}".splitlines()
        row = {"failed": what[0], "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
    answer.send(row)


def page(rows: list[Row]) -> str:
    parts = {"torchvision": TORCHVISION, "timm": TIMM}
    sections = "\n".join(
        f"## {title}\n\n{rows_table([r for r in rows if r['name'] in names])}\n" for title, names in parts.items()
    )
    return f"# Networks that prune\n\n{summary(rows)}\n\n{sections}"


SUMMARY = """{held} of {of} networks hold every claim, {exact} of them exactly (largest difference {worst}). In {approximate} some removed
channels pass a norm that averages over channels, so that removing is not the same as zeroing; *approximate* differences are measured, not bounded;
their other groups, cut alone, are exact to {others}.

Each network was traced, cut at half of every group by L1, and proven equal to its masked original: float64, random weights, batch norm
statistics and affines; networks under 100 M parameters again with a different random share of every group. Parameters and MACs equal those of
the really pruned network, which ran on three images and took a training step on all its outputs. *image*: the side that params and MACs are
counted at and, where it differs, the side of the proof. A relative difference is max |masked − pruned| ÷ max |masked| over all outputs.

{machine}, 1 thread, torch {torch}, torchvision {torchvision}, timm {timm}, {minutes} minutes in all, at most {largest:.1f} GB a process;
slowest trace: {slowest}, {seconds:.1f} s. Made by `python -m benchmarks.coverage`."""


def summary(rows: list[Row]) -> str:
    held = [row for row in rows if not row["failed"]]
    exact = [row for row in held if not row["approximate"]]
    slowest = max(held, key=lambda row: row["seconds"])
    return SUMMARY.format(
        held=len(held),
        of=len(rows),
        exact=len(exact),
        approximate=len(held) - len(exact),
        worst=f"{max(row.get(kind, 0.0) for row in exact for kind in ('difference', 'random')):.0e}",
        others=f"{max((row['exact_part'] for row in held if 'exact_part' in row), default=0.0):.0e}",
        largest=max(row["peak_mb"] for row in held) / 1024,
        minutes=round(sum(row["wall"] for row in rows) / 60),
        slowest=slowest["name"],
        seconds=slowest["seconds"],
        machine=machine(),
        torch=torch.__version__,
        torchvision=torchvision.__version__,
        timm=timm_version(),
    )


def timm_version() -> str:
    import timm

    return timm.__version__


def rows_table(rows: list[Row]) -> str:
    return table(HEADER, [cells(row) for row in rows])


def cells(row: Row) -> list[str]:
    name = row["name"].removeprefix("timm/")
    if row["failed"]:
        return [name, "", "", "", f"**fails**: {row['failed']}", "", "", "", ""]
    sides = f"{row['size']}" if row["size"] == row["proof_size"] else f"{row['size']}, proof {row['proof_size']}"
    return [
        name,
        str(row["groups"]),
        " → ".join(amount(n) for n in row["params"]),
        " → ".join(amount(n) for n in row["macs"]),
        f"{row['difference']:.0e}" + " approximate" * row["approximate"] + others(row),
        f"{row['random']:.0e}" if "random" in row else "",
        sides,
        f"{row['seconds']:.2f}",
        "; ".join(f"{layers} layer{'s' * (layers > 1)}: {reason}" for layers, _, reason in row["left"]),
    ]


def others(row: Row) -> str:
    return f", others {row['exact_part']:.0e}" if "exact_part" in row else ""


if __name__ == "__main__":
    with one_thread():
        sys.exit(main())
