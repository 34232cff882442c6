"""Settings of several runs side by side: those that differ, or all."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui import asked, cards, files, words
from pages.ui.compared import Entry, Key
from pages.ui.comparison import NONE
from pruning.spec import Settings

Row = dict[str, str]


def told(entry: Entry) -> Row:
    """Every setting of a run by its part and title, in words."""
    own = {"Kind": cards.KINDS[entry.kind], "Network": entry.network}
    return own | _settings(entry.spec, "")


def _settings(part: Settings, before: str) -> Row:
    found: Row = {}
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, Settings):
            found |= _settings(value, f"{asked.PARTS.get(name, name)} · ")
        elif name == "parent":
            found["Starts from run"] = str(value)
        elif name not in ("kind", "title"):
            found[before + (field.title or name)] = asked.setting(value)
    return found


def table(entries: Sequence[Entry], *, everything: bool = False) -> list[Row]:
    """One row a setting, one column a run; unless `everything` only those that are not the same in all that have them."""
    runs = {str(e.run): told(e) for e in entries}
    names = dict.fromkeys(name for run in runs.values() for name in run)
    rows = [{"setting": name} | {run: settings.get(name, NONE) for run, settings in runs.items()} for name in names]
    return [row for row in rows if everything or len({row[run] for run in runs} - {NONE}) > 1]


def show(_key: Key, entries: Sequence[Entry], _by: str) -> None:
    st.caption("What was asked for differently, and so may be why the results differ.")
    everything = st.toggle(
        "All settings",
        key="allsettings",
        bind="query-params",
        help="Also those that are the same in all of these runs.",
    )
    rows = table(entries, everything=everything)
    if not rows:
        st.info("What these runs have in common, they were asked for with the same settings.")
        return
    titles = {str(e.run): st.column_config.TextColumn(str(e.run), help=words.plain(e.title)) for e in entries}
    columns: dict[str, Any] = {"setting": st.column_config.TextColumn("Setting", pinned=True, width=230), **titles}
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=columns, height="content" if len(rows) <= 20 else 720,
                 alt=f"{words.plural(len(rows), 'setting')} of {words.plural(len(entries), 'run')}, one setting a line.")  # fmt: skip
    st.caption(
        f"{words.plural(len(rows), 'setting')}; columns are numbers of runs. {NONE}: the run has no such setting."
    )
    st.download_button("Download settings", lambda: files.table(rows), "settings.csv", icon=":material/download:",
                       type="tertiary", on_click="ignore", help="These rows as CSV.")  # fmt: skip
