"""What moves while a run works: the job in the sidebar, progress and curves; nothing polls when nothing runs."""

import time
from typing import Any

import psutil
import streamlit as st

from pages.ui import cards, overview, series, state, words
from pruning.jobs.store import TREES, Row, State
from pruning.run import Run, home


def sidebar() -> None:
    """The running job as a card; looks again every two seconds while there is one."""
    active = state.rows(states=state.ACTIVE)
    st.fragment(run_every=2 if active else None)(_job)([row.id for row in active])


def _job(known: list[int]) -> None:
    active = [row for row in state.rows(states=state.ACTIVE) if row.kind not in TREES]
    if known and not active:
        st.rerun()
    running = [row for row in active if row.state is not State.QUEUED] or active[-1:]
    for row in running[:1]:
        with st.container(border=True, gap="xsmall"):
            st.markdown(f"**{words.plain(cards.title(row))}**")
            cards.progress(row)
            with st.container(horizontal=True):
                cards.link(row, "sidebar", "Open")
                cancel(row)
            if len(active) > 1:
                st.caption(f"{len(active) - 1} more waiting")
    st.caption(machine())


def cancel(row: Row) -> None:
    """The button that stops a run, tertiary in the sidebar."""
    if st.button("Cancel", key=f"cancel-{row.id}", type="tertiary", disabled=row.state is State.CANCELLING):
        state.store().cancel(row.id)
        st.rerun()


def watch(row: Row) -> None:
    """Progress and curves of a run that has not ended; the page is drawn anew when it has, or can be explored."""
    st.fragment(run_every=1)(_watch)(row.id, Run.of(row.id).scores.exists(), row.state)


def _watch(number: int, is_scored: bool, before: State) -> None:
    row = state.find(number)
    if row is None or row.state is not before or Run.of(number).scores.exists() is not is_scored:
        st.rerun()
    cards.progress(row)
    if row.kind != "scan":  # it has no epochs
        curves(number)
    timeline(number)


def tree(row: Row) -> None:
    """How many runs of a sweep or recipe have ended; the page is drawn anew with each."""
    st.fragment(run_every=2)(_tree)(row.id)


def _tree(number: int) -> None:
    runs = state.store().children(number)
    done = sum(run.state.is_finished for run in runs)
    if st.session_state.setdefault(f"tree-{number}-done", done) != done:
        st.session_state[f"tree-{number}-done"] = done
        st.rerun()
    told = f"{done} of {words.plural(len(runs), 'run')} · {overview.count_by_state(runs)}"
    st.progress(done / max(1, len(runs)), text=told)


def moved(rows: list[Row]) -> None:
    """Draw the page anew when the state of one of `rows` is another; looks only while one of them is active."""
    states = {row.id: row.state for row in rows if not row.state.is_finished}
    st.fragment(run_every=2 if states else None)(_moved)(states)


def _moved(before: dict[int, State]) -> None:
    now = {row.id: row.state for row in state.rows(states=state.ACTIVE, limit=-1)} if before else before
    if now != before:
        st.rerun()


def ended(row: Row) -> None:
    """Draw the page anew when the run it shows ends, though others may follow; looks only while it is active."""
    if not row.state.is_finished:
        st.fragment(run_every=2)(_ended)(row.id)


def _ended(number: int) -> None:
    row = state.find(number)
    if row is None or row.state.is_finished:
        st.rerun()


def timeline(number: int) -> None:
    """What happened so far, in words, oldest first; last how it ended, where that was not well."""
    told = [(event["time"], event["text"]) for event in state.events(number)]
    row = state.find(number)
    if row is not None and row.ended and row.state is State.FAILED:
        told.append((row.ended, f"Failed: {(row.error or {}).get('what', 'it left no word why')}"))
    if row is not None and row.ended and row.state is State.CANCELLED:
        told.append((row.ended, "Cancelled."))
    for moment, text in told:
        st.caption(f"{time.strftime('%H:%M:%S', time.localtime(moment))}  {words.plain(text)}")


def curves(number: int) -> None:
    """Loss and accuracy an epoch, in place; two columns."""
    records = state.metrics(number)
    st.caption(latest(records))
    if len(records) < 2:
        return
    from pages.ui import live_charts  # altair takes a third of a second, which the first page need not wait for

    for column, record in zip(st.columns(2), series.learning(records), strict=True):
        shown = series.thinned(record)
        column.altair_chart(live_charts.curve(shown), key=f"live-{record.title}", on_select="rerun",
                            selection_mode=live_charts.ZOOM, alt=live_charts.words(shown))  # fmt: skip
    st.caption(
        "New epochs come by themselves. Control and wheel zoom a curve, dragging moves it, a double click shows all."
    )


def latest(records: list[dict[str, Any]]) -> str:
    """The newest epoch's numbers in one line."""
    if not records:
        return "The first numbers come after the first epoch."
    last = records[-1]
    numbers = f"validation accuracy {words.percent(last['validation_accuracy'])}, loss {last['validation_loss']:.3f}"
    return f"Epoch {last['epoch']}: {numbers}, {words.duration(last['seconds'])} for the epoch"


def wait(row: Row, doing: str) -> None:
    """A small request that has not been answered; the page is drawn anew when it has."""
    st.fragment(run_every=0.5)(_wait)(row.id, doing)


def _wait(number: int, doing: str) -> None:
    row = state.find(number)
    if row is None or row.state.is_finished:
        st.rerun()
    beat = state.status(number)
    st.progress(cards.fraction(beat), text=f"{doing} …")


def machine() -> str:
    """'CPU 35 % · memory 4.1 of 24 GB · 30 GB free on disk', the machine as it is now."""
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(home()))
    used, total = words.size(memory.total - memory.available), words.size(memory.total)
    return f"CPU {psutil.cpu_percent():.0f} % · memory {used} of {total} · disk {words.size(disk.free)} free"
