"""On what device and in what precision a network trains."""

import torch
from torch import nn

from pruning.errors import UserError
from pruning.spec import Device, Precision

WIDE = 64  # channels; below it, the casts of bf16 cost more than its arithmetic saves


def choose_device(wish: Device) -> torch.device:
    """CUDA when there is one, or what was asked for; raises UserError when CUDA is asked for and missing."""
    if wish is Device.CUDA and not torch.cuda.is_available():
        raise UserError("No CUDA device was found on this machine.", do="Choose the device auto or cpu.")
    return torch.device("cpu" if wish is Device.CPU or not torch.cuda.is_available() else "cuda")


def lean(model: nn.Module, wish: Precision, device: torch.device) -> bool:
    """Whether to train in bf16 autocast and channels_last: as asked, or (auto) on hardware with bf16 and a wide network."""
    if wish is Precision.AUTO:
        return has_bf16(device) and is_wide(model)
    return wish is Precision.BF16


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 natively: CUDA since Ampere; CPUs with AVX512-BF16 or AMX."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def is_wide(model: nn.Module) -> bool:
    """Whether most convolution weights lie in layers that are at least 64 channels wide on both sides."""
    sizes = [m.weight.shape for m in model.modules() if isinstance(m, nn.Conv2d)]
    wide = [s for s in sizes if min(s[0], s[1]) >= WIDE]
    return 2 * sum(s.numel() for s in wide) > sum(s.numel() for s in sizes)
