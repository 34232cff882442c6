"""Predicted accuracy: what a scan of single groups foretells for any plan, and how near that was to all that was measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from pages.ui import cards, charts, files, prediction_charts, state, words
from pages.ui.series import CRITERIA
from pruning import data
from pruning.channels.map import ChannelMap
from pruning.errors import UserError
from pruning.jobs.store import Row, State
from pruning.jobs.submit import SMALL_NUMBERS
from pruning.plan import indices
from pruning.prediction import COVERAGE, Measured, Prediction, Predictor, learned
from pruning.run import Run, read_json
from pruning.spec import DataSettings, EvaluateSpec, PruneSettings, PruneSpec, ScanSpec, When, parse

NEWEST = 500  # requests and runs that are looked through


@dataclass(frozen=True)
class Cut:
    """One plan whose accuracy was measured right after the cut, on validation images."""

    run: int  # a prune run's number, or that of a small request
    criterion: str
    blocks: str
    kept: tuple[tuple[str, int], ...]  # units by group
    accuracy: float


def of(row: Row, whole: ChannelMap, asked: PruneSettings) -> Predictor | None:
    """From the newest finished scan of this network, of the page's criterion where there is one; None without a scan.

    It learns from what the scan, “Evaluate now” and prune runs measured of cuts by the scan's criterion.
    """
    units = {group.name: group.units for group in whole.groups}
    found, chance = newest(row, units, asked), guessing(row.id)
    raw = state.record(Run.of(found[0]).scan) if found else None
    if found is None or raw is None or chance is None:
        return None
    number, criterion = found
    by = "" if criterion == asked.criterion else f" by {CRITERIA[criterion]}"
    source = f"scan {number}{by}, {words.plural(raw['images'], 'validation image')}"
    points = tuple(known for known in cuts(row) if (known.criterion, known.blocks) == (criterion, asked.blocks))
    same = tuple(known for known in points if dict(known.kept).keys() == units.keys())
    return built(Run.of(number).scan.stat().st_mtime_ns, chance, source, same, raw)


@st.cache_resource(max_entries=20, show_spinner=False)
def built(stamp: int, chance: float, source: str, points: tuple[Cut, ...], _raw: dict[str, Any]) -> Predictor | None:
    """Kept while nothing new was measured; None for a network that guesses."""
    try:
        measured = [Measured(dict(point.kept), point.accuracy, point.run) for point in points]
        return learned(_raw, measured, chance=chance, source=source)
    except UserError:
        return None


def newest(row: Row, units: Mapping[str, int], asked: PruneSettings) -> tuple[int, str] | None:
    """Number and criterion of the scan to read."""
    scans = [scan for scan in state.rows(["scan"], [State.SUCCEEDED], limit=NEWEST) if scan.parent == row.id]
    specs = [(scan.id, spec.scan) for scan in scans if isinstance(spec := parse(scan.spec), ScanSpec)]
    fits = [
        (number, str(scan.criterion))
        for number, scan in specs
        if scan.blocks == asked.blocks and (state.record(Run.of(number).scan) or {}).get("units") == units
    ]
    return next((pair for pair in fits if pair[1] == asked.criterion), fits[0] if fits else None)


def guessing(number: int) -> float | None:
    """Accuracy of guessing among the data set's classes."""
    made = state.root(number)
    return 1 / classes(made[0].model_dump_json()) if made else None


@st.cache_data(max_entries=20, show_spinner=False)
def classes(settings: str) -> int:
    asked = DataSettings.model_validate_json(settings)
    card = data.card(asked)
    return len(card["classes"] if card else data.DATASETS[asked.name].classes) or 2


def cuts(row: Row) -> list[Cut]:
    """What was measured of this network's cuts, oldest first."""
    rows = state.rows(["prune", "evaluate"], [State.SUCCEEDED], limit=NEWEST)
    found = [cut(made.id, made.ended or 0.0) for made in reversed(rows) if made.parent == row.id]
    return [known for known in found if known is not None]


@st.cache_resource(max_entries=2000, show_spinner=False)
def cut(number: int, ended: float) -> Cut | None:
    """A finished run's or request's; None where it measured no accuracy right after one cut of the parent's weights."""
    run = Run.of(number)
    match parse(run.spec.read_text()):
        case EvaluateSpec(images=images, criterion=criterion, blocks=blocks) if images and criterion:
            found = read_json(run.evaluated)
            return Cut(number, criterion, blocks, tuple(found["kept"].items()), found["accuracy"]) if found else None
        case PruneSpec() as spec if cut_once(spec):
            plan, result = read_json(run.plan), read_json(run.result)
            if plan is None or not (result or {}).get("pruned"):
                return None
            kept = plan["units"] | {name: len(indices(spans)) for name, spans in plan["keep"].items()}
            accuracy = result["pruned"]["validation_accuracy"]
            return Cut(number, spec.pruning.criterion, spec.pruning.blocks, tuple(kept.items()), accuracy)
    return None


def cut_once(spec: PruneSpec) -> bool:
    """Whether the accuracy right after surgery is that of the parent's weights, cut at once and left as they are."""
    schedule = spec.schedule
    return schedule.when is When.CUT and schedule.steps == 1 and not spec.pruning.recalibrate_images


def show(row: Row, predictor: Predictor | None) -> None:
    """How near predictions were to all that was measured, folded; drawn only while it is open."""
    if predictor is None or not predictor.points:
        return
    folded = st.expander("Predicted and measured", key="predicted", on_change="rerun")
    if folded.open:
        with folded:
            draw(row, predictor)


def draw(row: Row, predictor: Predictor) -> None:
    """The sentence and the chart; a click on a prune run's point opens it."""
    st.markdown(so_far(predictor))
    dots = prediction_charts.dots(predictor)
    figure = prediction_charts.chart(dots)
    chosen = st.plotly_chart(figure, key="predicted-measured", config=charts.CONFIG, on_select="rerun", selection_mode="points",
                             alt=so_far(predictor).replace("*", ""))  # fmt: skip
    files.chart(figure, [asdict(dot) for dot in dots], f"run-{row.id}-predicted")
    for picked in chosen["selection"]["points"]:
        if 0 < (number := int((picked.get("customdata") or [0])[0])) < SMALL_NUMBERS:
            cards.open_run(number)


def so_far(predictor: Predictor) -> str:
    """'Mean error so far 1.3 points over 14 measured settings …'"""
    pairs, error = predictor.held_out, predictor.mean_error or 0.0
    inside = sum(told.low <= point.accuracy <= told.high for point, told in pairs)
    own = sum(not point.run for point, _ in pairs)
    by_scan = f" ({own} of them by the scan itself)" if own else ""
    return (
        f"Mean error so far **{100 * error:.1f} points** over {words.plural(len(pairs), 'measured setting')}{by_scan}, each "
        f"predicted without itself. {inside} of {len(pairs)} lie within their bars, which are made to hold {words.percent(COVERAGE, 0)}. "
        f"From {predictor.source}."
    )


def beside(row: Row) -> None:
    """On a prune run's page: its accuracy right after the cut, beside what a scan foretold of it."""
    spec = state.specification(row.id)
    parent = state.find(spec.parent) if isinstance(spec, PruneSpec) else None
    whole = state.channels(spec.parent, spec.pruning.blocks) if isinstance(spec, PruneSpec) else None
    if not isinstance(spec, PruneSpec) or parent is None or whole is None:
        return
    predictor = of(parent, whole, spec.pruning)
    for point, told in predictor.held_out if predictor else ():
        if point.run == row.id and predictor:
            st.caption(f"Right after the cut, before any fine-tuning: measured {words.percent(point.accuracy, 1)}, predicted {in_words(told)} "
                       f"from {predictor.source}; the prediction did not know of this run.")  # fmt: skip


def in_words(told: Prediction) -> str:
    """'70.4 ± 1.9 %'; the ends where they are not as far from the middle."""
    up, down = 100 * (told.high - told.accuracy), 100 * (told.accuracy - told.low)
    middle = f"{100 * told.accuracy:.1f}"
    if abs(up - down) > 0.05:
        return f"{middle} % ({100 * told.low:.1f} to {100 * told.high:.1f} %)"
    return f"{middle} ± {up:.1f} %"
