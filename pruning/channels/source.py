"""Where an op is in a network's source, told from the frames that are running."""

from collections.abc import Iterator, Mapping
from types import FrameType, TracebackType

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


def modules_around(frame: FrameType | None) -> list[nn.Module]:
    """Modules whose functions are running, the innermost first."""
    found = (outer.f_locals.get("self") for outer in outward(frame))
    return list(dict.fromkeys(m for m in found if isinstance(m, nn.Module)))


def outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def innermost(traceback: TracebackType | None) -> FrameType | None:
    """The frame that raised."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame if traceback else None
