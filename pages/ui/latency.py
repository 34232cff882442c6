"""Latency of plans: the table that the explorer counts with, the button that measures it, and where kernels step."""

from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.ui import alt, charts, files, setup, state, words
from pages.ui.series import ACCENT, DENSE, STYLES
from pruning.channels.map import ChannelMap
from pruning.jobs.store import Row, State
from pruning.latency import Table, from_json, gain, predict, to_json
from pruning.requests import LatencySpec
from pruning.run import Run
from pruning.spec import Blocks

BATCHES = (1, 8, 32, 128)
RUNTIMES = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
MULTIPLES = (8, 16, 32)
NEWEST = 200  # requests that are looked through
MOST = 160  # widths of a curve that are worked out; of a wider group those around multiples of 8
BATCH_HELP = "Images in one forward pass: 1 for answers one by one, more for throughput. Each has a table of its own."
RUNTIME_HELP = "What runs the network. ONNX Runtime and OpenVINO are used where their Python packages are installed."
MEASURE_HELP = (
    "Cuts the network at random a few times and times its layers at many widths, in some seconds. From then on the latency of "
    "every setting is known while a slider moves."
)
STEP = (
    "Kernels compute several channels at once, so one more than a multiple may cost a whole step; where the line is straight, "
    "it does not."
)


def choose(row: Row, whole: ChannelMap, blocks: Blocks) -> dict[str, Any] | None:
    """Batch, runtime and the button that measures; the newest table for the explorer, also while another is made."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        spec, made = asked(row, blocks)
        last = next((one for one in made if one.state is State.SUCCEEDED), None)
        found = state.record(Run.of(last.id).latency) if last else None
        if last and found:
            st.caption(f"{way(spec)}: {told(found, last)}", width="content")
        elif not made or made[0].state is State.CANCELLED:
            offer(row, spec)
        if made and made[0].state not in (State.SUCCEEDED, State.CANCELLED):
            setup.answer(made[0], "Timing the layers")  # in the row, so that what is below stays where it is
    return element(found, whole) if found else None


def asked(row: Row, blocks: Blocks) -> tuple[LatencySpec, list[Row]]:
    """What is to be measured, and the requests for just that, newest first: two widgets behind a button that names them."""
    with st.popover("Latency", type="tertiary", icon=":material/timer:"):
        batch = st.selectbox("Batch", BATCHES, key="latency-batch", help=BATCH_HELP, bind="query-params")
        runtime = st.selectbox("Runtime", list(RUNTIMES), format_func=lambda name: RUNTIMES[name], key="latency-runtime",
                               help=RUNTIME_HELP, bind="query-params")  # fmt: skip
        spec = LatencySpec(parent=row.id, blocks=blocks, batch=batch, backend=runtime)
        text = spec.model_dump_json()
        made = [one for one in state.rows(["latency"], limit=NEWEST) if one.spec == text]
        again(spec, made)
    return spec, made


def again(spec: LatencySpec, made: list[Row]) -> None:
    """The circumstances of what was measured last, and the button to measure once more."""
    found = next((found for one in made if (found := state.record(Run.of(one.id).latency))), None)
    if found:
        st.caption(words.plain(circumstances(found)))
        if st.button("Measure again", key="latency-again", help=MEASURE_HELP, disabled=not made[0].state.is_finished):
            state.submit(spec)
            st.rerun(scope="fragment")


def way(spec: LatencySpec) -> str:
    return f"{RUNTIMES[spec.backend]}, batch {spec.batch}"


def offer(row: Row, spec: LatencySpec) -> None:
    st.caption(f"{way(spec)}: not measured.", width="content")
    if st.button(
        "Measure latency", key="latency-measure", help=MEASURE_HELP, disabled=row.state is not State.SUCCEEDED
    ):
        state.submit(spec)
        st.rerun(scope="fragment")
    if row.state is not State.SUCCEEDED:
        st.caption(f"It times a trained network: run {row.id} has not finished.", width="content")


def told(found: dict[str, Any], made: Row) -> str:
    """'dense 1.84 ms, pruned ones foretold within 6 %; measured 5 min ago'"""
    return f"dense {milliseconds(found['dense_ms'])}, pruned ones foretold within {words.percent(max(0.01, found['error']), 0)}; measured {words.ago(made.ended)}."


def circumstances(found: dict[str, Any]) -> str:
    """What the table was measured with, and how far it may be off."""
    busy = " Other programs were running, so it may be off by more." if found["load"] > 1 else ""
    return (
        f"Measured in {words.duration(found['seconds'])} on {words.plural(found['threads'], 'thread')} of {found['machine']} "
        f"({found['device'].upper()}): the least of a few passes. Checked on {found['checks']} networks cut otherwise and the dense one: "
        f"off by {words.percent(found['error'], 0)} at most.{busy}"
    )


def beside_budget(most: float, times: dict[str, Any] | None, kept: dict[str, int]) -> str:
    """What is foretold of a plan, beside the latency that it may have; jobs measure single images in torch."""
    if not most or not times or (times["batch"], times["runtime"]) != (1, RUNTIMES["torch"]):
        return ""
    ms = predict(from_json(times), kept)
    told = "within the budget" if ms <= most else "over the budget, so the job will remove more"
    return f"What is shown is foretold to take {milliseconds(ms)} an image, {told}."


def milliseconds(ms: float) -> str:
    return f"{ms:.3g} ms"


def element(found: dict[str, Any], whole: ChannelMap) -> dict[str, Any] | None:
    """What `predictLatency` reads, with the dense network's time; None for a table of other groups."""
    table, names = from_json(found["table"]), [group.name for group in whole.groups]
    if set(table.groups) != set(names):
        return None
    known = {key: found[key] for key in ("batch", "error")}
    known |= {"runtime": RUNTIMES[found["runtime"]], "device": found["device"].upper()}
    return to_json(table, names) | known | {"dense_ms": predict(table, {})}


@dataclass(frozen=True)
class Steps:
    """Predicted milliseconds against units kept of one group, all others as they are."""

    group: str
    units: tuple[int, ...]
    ms: tuple[float, ...]
    now: int

    def rows(self) -> list[dict[str, Any]]:
        return [{"kept": n, "latency, ms": ms} for n, ms in zip(self.units, self.ms, strict=True)]


def steps(whole: ChannelMap, table: dict[str, Any], group: str, kept: dict[str, int]) -> None:
    """A chart of the group's steps with what rounding gains; `table` as `choose` gave it."""
    found = from_json(table)
    record = read(found, whole, group, kept)
    st.markdown(sentence(found, kept))
    figure = draw(record)
    st.plotly_chart(figure, key="latency-steps", config=charts.CONFIG, alt=alt.of(figure))
    st.caption(f"{STEP} Dotted: multiples of 16.")
    files.chart(figure, record.rows(), f"latency-{group}")


def read(table: Table, whole: ChannelMap, group: str, kept: dict[str, int]) -> Steps:
    of = next(g.units for g in whole.groups if g.name == group)
    shown = [n for n in range(1, of + 1) if of <= MOST or n % 8 in (0, 1) or n == of]
    every = max(1, len(shown) // (2 * MOST))
    shown = sorted({*shown[::every], of, kept.get(group, of)})
    return Steps(group, tuple(shown), tuple(predict(table, {**kept, group: n}) for n in shown), kept.get(group, of))


def sentence(table: Table, kept: dict[str, int]) -> str:
    """What it gains to round every group to a multiple."""
    told = []
    for multiple in MULTIPLES:
        after, now, then = gain(table, kept, multiple)
        if after != kept:
            told.append(f"to {multiple}: {milliseconds(then)} ({words.change(now, then)})")
    if not told:
        return f"Every group keeps a multiple of {MULTIPLES[-1]} already, or all its units."
    return f"Now **{milliseconds(predict(table, kept))}**. Every group rounded {', '.join(told)}."


def draw(record: Steps) -> go.Figure:
    figure = charts.blank(f"{record.group}: latency by units kept", "units kept", "predicted latency, ms", height=320)
    figure.add_trace(go.Scatter(name="predicted", x=record.units, y=record.ms, mode="lines", line={"color": ACCENT, "width": 2, "shape": "linear"},
                                hovertemplate="%{x} kept: %{y:.3g} ms<extra></extra>"))  # fmt: skip
    for multiple, style in zip(MULTIPLES, STYLES, strict=False):
        figure.add_trace(marks(record, multiple, style))
    at = record.units.index(record.now)
    figure.add_trace(go.Scatter(name="now", x=[record.now], y=[record.ms[at]], mode="markers",
                                marker={"symbol": "diamond", "size": 12, "color": ACCENT}, hovertemplate="now: %{x} kept, %{y:.3g} ms<extra></extra>"))  # fmt: skip
    for n in range(16, record.units[-1] + 1, 16):
        if record.units[-1] <= 512:
            figure.add_vline(x=n, line={"dash": "dot", "width": 1, "color": DENSE}, opacity=0.4)
    figure.update_yaxes(rangemode="tozero")
    return figure


def marks(record: Steps, multiple: int, style: tuple[str, str, str]) -> go.Scatter:
    """Points at those multiples that are none of the next larger one."""
    larger = [m for m in MULTIPLES if m > multiple]
    picked = [
        (n, ms)
        for n, ms in zip(record.units, record.ms, strict=True)
        if n % multiple == 0 and all(n % m for m in larger)
    ]
    return go.Scatter(
        name=f"multiple of {multiple}",
        x=[n for n, _ in picked],
        y=[ms for _, ms in picked],
        mode="markers",
        marker={"color": style[0], "symbol": style[2], "size": 6},
        hovertemplate=f"%{{x}} kept, a multiple of {multiple}: %{{y:.3g}} ms<extra></extra>",
    )
