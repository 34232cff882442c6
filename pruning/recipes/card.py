"""What a recipe is: its steps as plain specs, the exact counts that must come out, and the accuracies its source reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pruning.spec import DataSettings, Spec, TrainSpec

ARXIV = "https://arxiv.org/abs/"
DENSE = "dense"  # the first step of every recipe: a training
FIRST = -1  # the parent of a step that starts from the first one; −k: from the k-th


class What(StrEnum):
    """What is counted of a finished step."""

    PARAMS = "parameters"
    MACS = "MACs"
    REMOVED = "filters removed"
    ZEROS = "weights masked"


@dataclass(frozen=True)
class Expected:
    step: str
    what: What
    value: int


@dataclass(frozen=True)
class Reported:
    """An accuracy that the source states, a share of the test images."""

    step: str
    accuracy: float
    note: str = ""


@dataclass(frozen=True)
class Card:
    """Steps depend on nothing but this: seed, images, short version, weights and control are applied to them in `steps`."""

    title: str
    source: str
    link: str
    does: str
    steps: Mapping[str, Spec]  # name → what it does; the first is DENSE
    short: DataSettings | None  # fewer or smaller images; None: it takes seconds as it is
    expected: tuple[Expected, ...]
    reported: tuple[Reported, ...] = ()
    image_size: int = 0  # side that a folder's photos are brought to, pixels; 0: rows of features
    seconds: float = 0.0  # of one CPU core to train on one image, measured
    short_seconds: float = 0.0  # the same where the short version's images are smaller; 0: as long
    needs_folder: bool = False

    @property
    def training(self) -> TrainSpec:
        first = self.steps[DENSE]
        assert isinstance(first, TrainSpec)
        return first


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def params(counts: Mapping[str, int]) -> tuple[Expected, ...]:
    """Expected parameters by step."""
    return tuple(Expected(step, What.PARAMS, value) for step, value in counts.items())
