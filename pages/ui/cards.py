"""The small pieces that every page is made of: header, empty state, error, state badge, number tiles."""

import runpy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from models import MODELS
from pages.ui import state, words
from pages.ui.series import CRITERIA
from pages.ui.terms import TERMS
from pruning.data import DATASETS
from pruning.errors import UserError
from pruning.jobs.store import Row, State
from pruning.spec import PruneSpec, parse

Colour = Literal["gray", "blue", "orange", "green", "red"]
STATES: dict[State, tuple[str, Colour]] = {
    State.QUEUED: ("Waiting", "gray"),
    State.RUNNING: ("Running", "blue"),
    State.CANCELLING: ("Stopping", "orange"),
    State.SUCCEEDED: ("Done", "green"),
    State.FAILED: ("Failed", "red"),
    State.CANCELLED: ("Cancelled", "gray"),
}
KINDS = {
    "train": "Training",
    "prune": "Prune",
    "finetune": "Fine-tuning",
    "mask": "Mask",
    "scan": "Scan",
    "search": "Search",
    "audit": "Audit",
    "sweep": "Sweep",
    "recipe": "Recipe",
}
STAGES = {
    "starting": "Starting",
    "load": "Loading the examples",
    "prepare": "Preparing the examples",
    "score": "Scoring the filters",
    "ablate": "Removing filters one at a time",
    "recalibrate": "Recalibrating batch norm",
    "train": "Training",
    "finetune": "Fine-tuning",
    "training": "Training while masks grow",
    "regularised": "Training under a growing penalty",
    "scan": "Cutting each group alone",
    "mask": "Measuring masks",
    "search": "Trying settings",
    "trial": "Fine-tuning a trial",
}


def inside_app() -> None:
    """Let app.py run the page when Streamlit started it alone.

    That happens when a page's link is the first thing a server is asked for: until app.py has called st.navigation once,
    Streamlit takes pages/ for its older page finder.
    """
    if "inside_app" not in st.session_state:
        runpy.run_path(str(Path(__file__).parents[2] / "app.py"), run_name="__main__")
        st.stop()


def header(title: str, line: str, *terms: str) -> None:
    """The page's title, the one line that says what it is for, and the terms behind a question mark."""
    inside_app()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(words.plain(title), anchor=False, width="content")
        if terms:
            with st.popover("Terms", type="tertiary"):
                definitions(terms)
                st.page_link("pages/glossary.py", label="All terms", icon=":material/dictionary:")
    st.caption(line)


def definitions(names: Sequence[str]) -> None:
    for name in names:
        term = TERMS[name]
        source = f" [{term.paper}]({term.link})" if term.link else ""
        st.markdown(f"**{words.plain(name)}.** {words.plain(term.meaning)}{source}")


def empty(what: str, button: str, *, key: str) -> bool:
    """What will be here, and the one button that makes it; True when it was pressed."""
    with st.container(border=True):
        st.markdown(what)
        return st.button(button, type="primary", key=key)


def problem(error: UserError | dict[str, Any]) -> None:
    """What happened and what to do, in words; the traceback stays folded."""
    told = {"what": str(error), "do": error.do} if isinstance(error, UserError) else error
    advice = f"  \n{words.plain(told['do'])}" if told.get("do") else ""
    st.error(f"**{words.plain(sentence(told.get('what') or 'Something went wrong.'))}**{advice}")
    if told.get("traceback"):
        with st.expander("Traceback"):
            st.code(told["traceback"], language=None)


def sentence(text: str) -> str:
    """First letter large where it starts an ordinary word, a full stop at the end."""
    text = text.strip()
    first = text.split(" ")[0]
    if first.isalpha() and first not in {*MODELS, *DATASETS}:
        text = text[:1].upper() + text[1:]
    return text + ("" if text.endswith((".", "!", "?")) else ".")


def badge(which: State) -> None:
    word, colour = STATES[which]
    st.badge(word, color=colour)


def title(row: Row, known: Mapping[int, Row] | None = None) -> str:
    """The title given to a run; a sweep's runs are told by what differs between them. `known`: rows that are at hand."""
    if row.kind == "prune" and row.sweep and row.title == row.given_title:
        tree = (known or {}).get(row.sweep) or state.find(row.sweep)
        spec = parse(row.spec)
        if tree is not None and tree.kind == "sweep" and isinstance(spec, PruneSpec):
            return swept(spec, str(row.title))
    return str(row.title) or f"{KINDS[row.kind]} {state.network(row.id)}"


def swept(spec: PruneSpec, given: str) -> str:
    """'Taylor, 50 % removed', with the seed where the sweep tries several."""
    seed = given.partition(", seed ")[2]
    what = f"{CRITERIA[spec.pruning.criterion]}, {words.percent(spec.pruning.share, 0)} removed"
    return f"{what}, seed {seed}" if seed else what


def label(row: Row) -> str:
    """'12 · Prune L1 50 % · scnnb on mnist', for choosing a run."""
    name, base = title(row), state.network(row.id)
    return f"{row.id} · {name}" if base in name else f"{row.id} · {name} · {base}"


def stage(row: Row, beat: dict[str, Any]) -> str:
    """What the run is doing, in words."""
    if row.state is State.QUEUED:
        return "Waiting for its turn"
    if not beat.get("stage"):
        return "Starting"
    return said(beat["stage"])


def said(name: str) -> str:
    """A stage in words; 'step3' is 'Step 3'."""
    number = name.removeprefix("step")
    return f"Step {number}: training" if number.isdecimal() else STAGES.get(name, sentence(name).rstrip("."))


def fraction(beat: dict[str, Any]) -> float:
    return min(1.0, beat.get("done", 0) / beat["of"]) if beat.get("of") else 0.0


def remaining(beat: dict[str, Any]) -> str:
    eta = beat.get("eta_s")
    if eta is None:
        return ""
    return f"{words.roughly(eta)} left" if fraction(beat) < 1 else "nearly done"


def progress(row: Row) -> None:
    """Stage, percent and time left of a run that has not ended."""
    beat = state.status(row.id)
    parts = [stage(row, beat), words.percent(fraction(beat), 0) if beat.get("done") else "", remaining(beat)]
    st.progress(fraction(beat), text=" · ".join(part for part in parts if part))


def link(row: Row, place: str, name: str = "") -> None:
    """The run's title as a link to its page; `place` tells two links to one run apart."""
    if st.button(name or f"{row.id} · {title(row)}", type="tertiary", key=f"open-{place}-{row.id}"):
        open_run(row.id)


def open_run(number: int) -> None:
    st.switch_page("pages/runs.py", query_params={"run": str(number)})


def tile(name: str, value: str, delta: str | None = None, *, good: bool | None = None, help: str | None = None) -> None:
    """A number with its signed difference; `good` colours the difference, None leaves it grey."""
    colour: Colour = "gray" if good is None else "green" if good else "red"
    st.metric(name, value, delta, delta_color=colour, delta_arrow="off", help=help)


def accuracy(number: int) -> float | None:
    """Test accuracy that a run ended with."""
    ended = state.result(number)
    return ended["after"].get("test_accuracy") if ended and ended.get("after") else None


def differences(before: dict[str, Any] | None, after: dict[str, Any]) -> None:
    """Accuracy, parameters, MACs, size and latency of a network, each with its signed difference to `before`."""
    columns = st.columns(5)
    with columns[0]:
        gained((before or {}).get("test_accuracy"), after.get("test_accuracy"))
    for column, (name, key, text) in zip(columns[1:4], COSTS, strict=True):
        with column:
            cost(name, (before or {}).get(key), after[key], text)
    with columns[4]:
        old, new = milliseconds(before), milliseconds(after)
        if new is not None:
            cost("Latency", old, new, lambda ms: f"{ms:.3g} ms")


def gained(before: float | None, after: float | None) -> None:
    """Test accuracy, where more is better, with its change in percentage points."""
    if before is None or after is None:
        tile("Test accuracy", words.percent(after))
    else:
        good = None if after == before else after > before
        tile("Test accuracy", words.percent(after), words.points(before, after), good=good)


COSTS: tuple[tuple[str, str, Any], ...] = (
    ("Parameters", "params", words.count),
    ("MACs", "macs", words.short),
    ("Size", "bytes", words.size),
)


def milliseconds(measured: dict[str, Any] | None) -> float | None:
    return ((measured or {}).get("latency") or {}).get("median_ms")


def spread(timing: dict[str, Any]) -> str:
    """'0.41 ms (0.39–0.52)': the median, and where eight of ten measurements lie."""
    low, high = timing.get("p10_ms"), timing.get("p90_ms")
    around = f" ({low:.3g}–{high:.3g})" if low is not None and high is not None else ""
    return f"{timing['median_ms']:.3g} ms{around}"


def cost(name: str, before: float | None, after: float, text: Any) -> None:
    """A cost, where less is better, with its change in percent."""
    delta = words.change(before, after) if before else None
    tile(name, text(after), delta, good=None if not before or before == after else after < before)
