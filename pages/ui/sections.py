"""The sections of Compare below its table: a tab for each that has something to show, drawn only when it is open."""

from collections.abc import Callable, Sequence

import streamlit as st

from pages.ui import differing, kept_map, overlaid, parallel
from pages.ui.compared import Entry, Key

Section = tuple[str, Callable[[Sequence[Entry]], bool], Callable[[Key, Sequence[Entry], str], None], str]
SECTIONS: tuple[Section, ...] = (  # title, has it anything to show, show it, why not
    ("Training curves", overlaid.has_any, overlaid.show, "none of these runs trained"),
    ("Settings", lambda e: len(e) > 1, differing.show, "one run alone differs from nothing"),
    ("Kept filters", kept_map.has_any, kept_map.show, "none of these runs removed filters"),
    ("Parallel coordinates", parallel.has_any, parallel.show, "they need two runs with a test accuracy"),
)


def show(key: Key, entries: Sequence[Entry], by: str) -> None:
    filled = [section for section in SECTIONS if section[1](entries)]
    missing = [f"{title.lower()}: {why}" for title, has_any, _, why in SECTIONS if not has_any(entries)]
    st.subheader("How they learned, differ and were cut", anchor=False)
    if filled:
        tabs = st.tabs([title for title, *_ in filled], key="section", bind="query-params")
        for tab, (_, _, draw, _) in zip(tabs, filled, strict=True):
            if tab.open:
                with tab:
                    draw(key, entries, by)
    if missing:
        st.caption(f"Left out: {'; '.join(missing)}.")
