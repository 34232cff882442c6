"""Settings to begin with: what a budget, another criterion, a scan or an earlier run keeps of each group."""

from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from pages.ui import cards, state, words
from pages.ui.series import CRITERIA
from pruning.allocate import Scores, from_settings, ladder
from pruning.channels.map import ChannelMap
from pruning.criterion_cards import CARDS, Family
from pruning.errors import UserError
from pruning.jobs.store import Row
from pruning.prediction import Predictor
from pruning.run import Run
from pruning.spec import PruneSettings, PruneSpec, Spread

Kept = Mapping[str, int]
Preset = tuple[str, str, Kept]  # name, hint, units kept by group
RUNS = 8  # earlier runs that are offered, newest first
SCORED = 4  # other criteria that are
LOSSES = (1, 3)  # percentage points of accuracy
BY_CHANCE = [str(name) for name, card in CARDS.items() if card.family is Family.CONTROL]


def presets(
    row: Row, whole: ChannelMap, scored: Mapping[str, Any], wish: PruneSettings, predictor: Predictor | None
) -> list[dict[str, Any]]:
    """All that can be had for this network, as the live element takes them."""
    mine: Scores = scored.get(wish.criterion, {})
    files = Run.of(row.id).explained(wish.blocks)
    fixed = f"{[(str(path), path.stat().st_mtime_ns) for path in files]} {alone(wish).model_dump_json()}"
    scan = predictor.source + str(predictor.exponent) if predictor else ""
    found = [
        *_by_budget(fixed, whole, mine, wish),
        *(_by_scan(fixed + scan, whole, mine, wish, predictor) if predictor else ()),
        *by_criterion(whole, scored, wish),
        *by_run(row, wish),
    ]
    return [
        {"name": name, "hint": hint, "kept": [kept.get(g.name, g.units) for g in whole.groups]}
        for name, hint, kept in found
    ]


@st.cache_data(max_entries=50, show_spinner=False)
def _by_budget(key: str, _whole: ChannelMap, _scores: Scores, _wish: PruneSettings) -> list[Preset]:
    """Kept from one release to the next: it takes up to a second for a network of 200 groups."""
    return list(by_budget(_whole, _scores, _wish))


def by_budget(whole: ChannelMap, scores: Scores, wish: PruneSettings) -> Iterator[Preset]:
    """Half and a quarter of what the network costs, by the spread that is chosen where it reads a share."""
    dense, start = whole.counts(), alone(wish)
    for name, field, have in (("parameters", "max_params", dense.params), ("MACs", "max_macs", dense.macs)):
        for part, of in (("Half", 2), ("A quarter", 4)):
            kept = tried(whole, scores, start.model_copy(update={field: have // of}))
            if kept:
                yield f"{part} of the {name}", f"the smallest share that leaves at most {have // of:,} {name}", kept


@st.cache_data(max_entries=50, show_spinner=False)
def _by_scan(
    key: str, _whole: ChannelMap, _scores: Scores, _wish: PruneSettings, _predictor: Predictor
) -> list[Preset]:
    return list(by_scan(_whole, _scores, _wish, _predictor))


def by_scan(whole: ChannelMap, scores: Scores, wish: PruneSettings, predictor: Predictor) -> Iterator[Preset]:
    """As much as can go while the scan foretells so little loss, each group paying equally much."""
    dense = float(predictor.dense[0])
    curves = {name: (*((s, dense - y) for s, y in alone), (1.0, dense)) for name, alone in predictor.alone.items()}
    by_cost = alone(wish).model_copy(update={"spread": Spread.SENSITIVITY})
    steps = ladder(whole, {name: scores[name] for name in scores if name in curves}, by_cost, curves)
    told = [(kept, prediction.accuracy) for kept in steps if (prediction := predictor.predict(kept))]
    for points in LOSSES:
        fits = [kept for kept, accuracy in told if accuracy >= dense - points / 100]
        if fits:
            name = f"At most {words.plural(points, 'point')} lost, predicted"
            yield name, f"by {predictor.source}: every group alone would lose equally much", fits[-1]


def by_criterion(whole: ChannelMap, scored: Mapping[str, Any], wish: PruneSettings) -> Iterator[Preset]:
    """How other criteria would spread half of the filters, the lowest scores anywhere."""
    known = [name for name in CRITERIA if name in scored and "error" not in scored[name] and name not in BY_CHANCE]
    chosen = [str(wish.criterion), *(name for name in known if name != wish.criterion)]
    for name in [name for name in chosen if name in known][:SCORED]:
        kept = tried(whole, scored[name], alone(wish).model_copy(update={"spread": Spread.GLOBAL}))
        if kept:
            yield f"Half, lowest by {CRITERIA[name]}", "half of all filters, those that score lowest anywhere", kept


def by_run(row: Row, wish: PruneSettings) -> Iterator[Preset]:
    """What earlier prunes of this network kept."""
    for other in [run for run in state.store().children(row.id) if run.kind == "prune"][: -RUNS - 1 : -1]:
        spec, plan = state.specification(other.id), state.plan(other.id)
        if isinstance(spec, PruneSpec) and spec.pruning.blocks is wish.blocks and plan is not None:
            yield f"Run {other.id}: {cards.title(other)}", "as many filters of each group as that run kept", plan.kept()


def alone(wish: PruneSettings) -> PruneSettings:
    """The wish without groups set by hand, by a spread that reads a share."""
    spread = wish.spread if wish.spread in (Spread.GLOBAL, Spread.ISOMORPHIC, Spread.PERCENTILE) else Spread.UNIFORM
    return wish.model_copy(
        update={"shares": {}, "spread": spread, "share": 0.5, "max_params": 0, "max_macs": 0, "max_latency": 0.0}
    )


def tried(whole: ChannelMap, scores: Scores, wish: PruneSettings) -> Kept | None:
    """What the wish keeps; nothing where it cannot be met."""
    try:
        return from_settings(whole, scores, wish).kept()
    except UserError:
        return None
