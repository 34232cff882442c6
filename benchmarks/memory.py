"""How much memory a piece of work takes at its highest: Linux counts it, for a child process of its own."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from torch import nn

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def stored_bytes(network: nn.Module) -> int:
    return sum(t.numel() * t.element_size() for t in (*network.parameters(), *network.buffers()))


def peak_growth(work: Callable[[], object]) -> int:
    """Bytes by which the process grew at the most during `work`, in a copy of this process."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    child = fork.Process(target=tell, args=(work, theirs))
    child.start()
    theirs.close()
    grown: int = ours.recv()
    child.join()
    return grown


def tell(work: Callable[[], object], answer: Connection) -> None:
    RESET.write_text("5")  # the high water falls to what is there now
    before = kilobytes("VmRSS")
    result = work()  # held until it is measured
    answer.send((kilobytes("VmHWM") - before) * 1024)
    del result


def kilobytes(field: str) -> int:
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(field))
