"""Where an op is in a network's source, told from the frames that are running."""

from collections.abc import Iterable, Iterator, Mapping
from types import FrameType

from torch import nn


def place(frame: FrameType | None, names: Mapping[int, str]) -> str:
    """Where an op is in the source, alike in all modules of a class: the lines, and the way down from the class to the layer."""
    lines, layer = [], ""
    for outer in outward(frame):
        module = outer.f_locals.get("self")
        if not isinstance(module, nn.Module):
            lines.append(f"{outer.f_code.co_filename}:{outer.f_lineno}" if not layer else "")
            continue
        name = names.get(id(module), "")
        layer = layer or f"{name} {outer.f_lineno}"
        if not type(module).__module__.startswith("torch.nn") or not name:
            return f"{type(module).__qualname__}|{layer.removeprefix(name)}|{'|'.join(lines)}"
    return "|".join(lines)


def modules_around(frames: Iterable[FrameType]) -> list[nn.Module]:
    """Modules whose functions are running, the innermost first."""
    found = (frame.f_locals.get("self") for frame in frames)
    return list(dict.fromkeys(m for m in found if isinstance(m, nn.Module)))


def outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def raising(error: BaseException) -> list[FrameType]:
    """The frames that an error went through, the innermost first."""
    traceback, frames = error.__traceback__, []
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return frames[::-1]
