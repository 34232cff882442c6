"""Seconds from submitting a small request to its finished row, through supervisor and warm process, as a page waits for it.

    python -m benchmarks.warm [repeats]

Inspect: another network each time. Confirm: another plan of a trained network each time, cut, counted and proven (images=0). The
processor time that the warm process took stands beside the waiting, as it hardly depends on what else runs. Writes warm.md.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from benchmarks.tables import machine, table
from pruning.channels.map import ChannelMap
from pruning.jobs import supervisor
from pruning.jobs.store import State, Store
from pruning.plan import Plan
from pruning.run import Run, home, read_json
from pruning.spec import DataSettings, EvaluateSpec, InspectSpec, ModelSettings, Spec, TrainSettings, TrainSpec

DATA = DataSettings(name="fashion-mnist-sample", limit=300)
NETWORKS = ("scnnb", "fashion-cnn", "resnet20-cifar", "resnet56-cifar")
TICK = 0.02  # seconds between two looks at the row


def answered(spec: Spec) -> tuple[float, float]:
    """(seconds until the row is finished, processor seconds of the process that answered)."""
    store, before = Store(home()), processor_seconds()
    began = time.perf_counter()
    number = store.submit(spec)
    while not (row := store.row(number)).state.is_finished:
        time.sleep(TICK)
    assert row.state is State.SUCCEEDED, row.error
    waited = time.perf_counter() - began
    return waited, processor_seconds() - before


def processor_seconds() -> float:
    """Of the warm process, so far."""
    spent = 0.0
    for process in psutil.process_iter():
        try:
            if "--serve" in process.cmdline() and process.environ().get("PRUNING_HOME") == str(home()):
                times = process.cpu_times()
                spent += times.user + times.system
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return spent


def inspects(name: str, repeats: int) -> Iterator[Spec]:
    """The same network on ever other data, as nothing of it is kept."""
    for limit in range(300, 300 + repeats):
        yield InspectSpec(data=DataSettings(name=DATA.name, limit=limit), model=ModelSettings(name=name))


def confirms(parent: int, repeats: int) -> Iterator[Spec]:
    channels = ChannelMap.from_json(Run.of(parent).channels.read_text())
    for i in range(repeats):
        share = (i + 1) / (repeats + 2)
        keep = {group.name: tuple(range(max(1, round(group.units * (1 - share))))) for group in channels.groups}
        yield EvaluateSpec(parent=parent, plan=json.loads(Plan(channels, keep).to_json()))


def timed(specs: Callable[[int], Iterator[Spec]], repeats: int) -> list[str]:
    """p50 and p90 of the waiting, p50 of the processor time; a first one warms up."""
    waits, spent = zip(*[answered(spec) for spec in specs(repeats + 1)][1:], strict=True)
    ranked = sorted(waits)
    numbers = statistics.median(ranked), ranked[int(0.9 * (len(ranked) - 1))], statistics.median(spent)
    return [f"{value:.2f}" for value in numbers]


def trained(name: str) -> int:
    training = TrainSettings(epochs=1, batch_size=64)
    number = Store(home()).submit(TrainSpec(data=DATA, model=ModelSettings(name=name), training=training))
    while not Store(home()).row(number).state.is_finished:
        time.sleep(0.1)
    assert read_json(Run.of(number).status)["state"] == "succeeded"
    return number


def lines(repeats: int) -> Iterator[Sequence[str]]:
    for name in NETWORKS:
        yield ["inspect", name, *timed(lambda n, name=name: inspects(name, n), repeats)]  # type: ignore[misc]
    for name in NETWORKS:
        parent = trained(name)
        yield ["confirm", name, *timed(lambda n, parent=parent: confirms(parent, n), repeats)]  # type: ignore[misc]


def main(repeats: int = 15) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["PRUNING_HOME"] = folder
        load = os.getloadavg()[0]
        supervisor.ensure()
        answered(InspectSpec(data=DATA, model=ModelSettings(name="scnnb")))  # starts the warm process
        rows = []
        for line in lines(repeats):
            rows.append(line)
            print(*line, flush=True)
        loads = load, os.getloadavg()[0]
        end()
    text = [
        "Small requests, from submitting to the finished row: seconds of waiting, and of the warm process's own processor time.",
        "",
        table(["request", "network", "p50, s", "p90, s", "processor p50, s"], rows),
        "",
        f"n = {repeats} each; {machine()}; load average {loads[0]:.1f} before and {loads[1]:.1f} after.",
        "",
    ]
    Path(__file__).with_suffix(".md").write_text("\n".join(text))


def end() -> None:
    """Stop the supervisor and the processes of this runs folder, by their numbers."""
    for process in sorted(psutil.process_iter(), key=lambda p: p.pid):
        try:
            if process.pid != os.getpid() and process.environ().get("PRUNING_HOME") == str(home()):
                process.kill()
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
