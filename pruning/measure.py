"""What a network weighs: the torchinfo summary, its size as stored, and its latency on this machine."""

import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

import torch
import torchinfo
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

WARM_UP = 3
BUDGET = 1.0  # seconds
ROUNDS = 50
CALM = 1.5  # 90th percentile over the 10th


def summary(model: nn.Module, input_shape: tuple[int, ...]) -> str:
    """torchinfo's table for one example; its mult-adds also multiply biases and batch-norm affines."""
    training = model.training
    table = torchinfo.summary(
        model,
        input_size=(1, *input_shape),
        device=next(model.parameters()).device,
        col_names=("output_size", "num_params", "mult_adds"),
        depth=3,
        mode="eval",
        verbose=0,
    )
    model.train(training)
    return str(table)


def stored_bytes(model: nn.Module) -> int:
    """Bytes of all parameters and buffers."""
    return sum(t.numel() * t.element_size() for t in (*model.parameters(), *model.buffers()))


def macs(model: nn.Module, input_shape: tuple[int, ...]) -> int:
    """MACs of one example: conv and matmul weights once per output position, as a channel map counts them."""
    counter = FlopCounterMode(display=False)
    device = next(model.parameters()).device
    training = model.training
    with torch.no_grad(), counter:
        model.eval()(torch.zeros(1, *input_shape, device=device))
    model.train(training)
    return int(counter.get_total_flops()) // 2


@torch.inference_mode()
def latency(model: nn.Module, input_shape: tuple[int, ...], batch: int = 1) -> dict[str, Any]:
    """Median, 10th and 90th percentile in ms of a forward pass in eval mode, in at most about a second."""
    device = next(model.parameters()).device
    x = torch.randn(batch, *input_shape, device=device)
    training = model.training
    model.eval()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) <= WARM_UP or (time.perf_counter() - began < BUDGET and not is_enough(times[WARM_UP:])):
        start = time.perf_counter()
        model(x)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append((time.perf_counter() - start) * 1e3)
    model.train(training)
    measured = sorted(times[WARM_UP:])
    return {
        "median_ms": statistics.median(measured),
        "p10_ms": measured[len(measured) // 10],
        "p90_ms": measured[len(measured) * 9 // 10],
        "batch": batch,
        "threads": torch.get_num_threads(),
        "device": str(device),
    }


def is_enough(times: list[float]) -> bool:
    """Whether the median can be believed; while other programs interrupt the passes, it takes more of them."""
    if len(times) < ROUNDS or len(times) % ROUNDS:
        return False
    ordered = sorted(times)
    return ordered[len(times) * 9 // 10] < CALM * ordered[len(times) // 10]


def machine() -> str:
    """The processor and its cores, as far as the system tells, and the GPU where there is one."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = f"{names[0] if names else platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    return f"{processor}, {torch.cuda.get_device_name()}" if torch.cuda.is_available() else processor


def load() -> float:
    """Programs that wanted a core in the last minute, for each core there is; 0 where the system does not tell."""
    return os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 0.0
