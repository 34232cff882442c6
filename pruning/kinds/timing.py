"""A small request: a finished run's latency at many widths, so that any plan's can be foretold."""

import torch

from pruning import checkpoint, measure, timetable
from pruning.channels.trace import trace
from pruning.latency import to_json
from pruning.origin import finished
from pruning.precision import choose_device
from pruning.report import Report
from pruning.requests import LatencySpec
from pruning.run import Run, read_json, write_json
from pruning.spec import Device
from pruning.stages import conclude


def latency(spec: LatencySpec, run: Run, report: Report) -> None:
    """Write `latency.json`: the table, and what it was measured with; other runtimes than torch run on the CPU."""
    parent = finished(spec.parent)
    shape = checkpoint.recipe(parent.model)["extra"]["input_shape"]
    device = choose_device(Device.AUTO if spec.backend == "torch" else Device.CPU)
    model = checkpoint.load(parent.model)
    channels = trace(model, torch.zeros(2, *shape), blocks=spec.blocks)
    found = timetable.measure(
        model.to(device),
        channels,
        spec.batch,
        runtime=spec.backend,
        progress=lambda done, of: report.progress("latency", done, of),
    )
    circumstances = {
        "batch": spec.batch,
        "runtime": spec.backend,
        "device": device.type,
        "threads": torch.get_num_threads(),
        "machine": measure.machine(),
        "load": measure.load(),
    }
    numbers = {"dense_ms": found.dense_ms, "error": found.error, "checks": timetable.CHECKS, "seconds": found.seconds}
    write_json(run.latency, {"table": to_json(found.table)} | numbers | circumstances)
    conclude(run, read_json(parent.result)["after"], device, seconds=found.seconds)
