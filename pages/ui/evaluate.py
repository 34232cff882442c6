"""Evaluate now: the present setting cut for real by the warm process, and its measured accuracy beside the predicted one."""

import json
from typing import Any

import streamlit as st

from pages.ui import predictions, setup, state, words
from pruning import proof
from pruning.jobs.store import Row, State
from pruning.jobs.submit import SMALL_NUMBERS
from pruning.plan import Plan
from pruning.prediction import Prediction, Predictor
from pruning.run import Run
from pruning.spec import EvaluateSpec, PruneSettings, PruneSpec

IMAGES = 512  # where no scan says how many
NEWEST = 300
BUTTON = "Evaluate now"
HELP = (
    "Cuts the network by exactly this setting, in a few seconds: counts what is left, checks that it is the same function as the "
    "masked network, and measures its accuracy on validation images, before any fine-tuning. Nothing is saved."
)


def now(row: Row, asked: PruneSettings, plan: Plan, predictor: Predictor | None = None) -> None:
    """The button under the explorer, and what was measured of the present setting; redrawn on its own."""
    st.fragment(_now)(row, asked, plan, predictor)


def _now(row: Row, asked: PruneSettings, plan: Plan, predictor: Predictor | None) -> None:
    spec = EvaluateSpec(
        parent=row.id,
        blocks=asked.blocks,
        plan=json.loads(plan.to_json()),
        images=predictor.images if predictor else IMAGES,
        criterion=asked.criterion,
    )
    made = answered(spec)
    if made is None:
        offer(row, spec, plan, predictor)
    elif setup.answer(made, "Cutting and measuring"):
        found = state.record(Run.of(made.id).evaluated)
        if found:
            st.markdown(told(found, plan, predictor))


def answered(spec: EvaluateSpec) -> Row | None:
    """The newest request that asked just this; settings are compared as text, which is quick for long plans."""
    text = spec.model_dump_json()
    return next((row for row in state.rows(["evaluate"], limit=NEWEST) if row.spec == text), None)


def offer(row: Row, spec: EvaluateSpec, plan: Plan, predictor: Predictor | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button(BUTTON, key="evaluate-now", disabled=row.state is not State.SUCCEEDED, help=HELP):
            state.submit(spec)
            st.rerun(scope="fragment")
        if row.state is not State.SUCCEEDED:
            st.caption(f"It cuts a trained network: run {row.id} has not finished.")
        elif line := f"{foretold(plan, predictor)} {cut_before(plan, predictor, spec.criterion)}".strip():
            st.caption(line)


def foretold(plan: Plan, predictor: Predictor | None) -> str:
    """What is known without measuring, or what would make it known."""
    if predictor is None:
        return "No prediction yet: a scan by the Scan tab below makes one for every setting."
    prediction = predictor.predict(plan.kept())
    if prediction is None:
        return f"No prediction: this cuts a group that {predictor.source.split(',')[0]} did not scan."
    return f"Predicted right after the cut: {predictions.in_words(prediction)}, from {predictor.source}."


def cut_before(plan: Plan, predictor: Predictor | None, criterion: str | None) -> str:
    """'Run 7 measured 71.2 % for this very cut.', by the newest run that made it."""
    kept = plan.kept()
    same = [point for point in (predictor.measured if predictor else ()) if dict(point.kept) == kept]
    made = [point for point in same if 0 < point.run < SMALL_NUMBERS and cut_by(point.run) == criterion]
    return f"Run {made[-1].run} measured {words.percent(made[-1].accuracy, 1)} for this very cut." if made else ""


def cut_by(number: int) -> str | None:
    """The criterion of a prune run."""
    spec = state.specification(number)
    return spec.pruning.criterion if isinstance(spec, PruneSpec) else None


def told(found: dict[str, Any], plan: Plan, predictor: Predictor | None) -> str:
    """'Measured 71.2 % on 512 validation images right after the cut, before any fine-tuning, 70.4 ± 1.9 % predicted without knowing it …'"""
    prediction = predicted(found, predictor)
    beside = f", {predictions.in_words(prediction)} predicted without knowing it" if prediction else ""
    return (
        f"Measured **{words.percent(found['accuracy'], 1)}** on {words.plural(found['images'], 'validation image')} right after the cut, "
        f"before any fine-tuning{beside}; uncut {words.percent(found['dense_accuracy'], 1)}. Cut for real: {words.count(found['params'])} parameters; "
        f"it {proof.in_words(plan, found['verified'])}."
    )


def predicted(found: dict[str, Any], predictor: Predictor | None) -> Prediction | None:
    """What is foretold of this setting without knowing its measurement."""
    known = predictor.held_out if predictor else ()
    own = (prediction for point, prediction in known if point.run and dict(point.kept) == found["kept"])
    return next(own, predictor.predict(found["kept"]) if predictor else None)
