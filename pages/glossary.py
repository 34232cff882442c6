"""Glossary: every term in one sentence, with the paper behind it; `/glossary?term=Taylor` leads to one."""

import streamlit as st

from pages.ui import cards, glossary, words
from pages.ui.terms import PARTS, TERMS

cards.header("Glossary", "Every term that the pages use, in one sentence, with the paper behind it.")
wanted = st.text_input(
    "Find a term",
    key="term",
    placeholder="Taylor, budget, Molchanov …",
    type="search",
    bind="query-params",
    help="Looks into names, meanings and papers. The address holds it: a link to it shows the same terms.",
)
parts = glossary.found(PARTS, wanted or "")
name = glossary.exact(PARTS, wanted or "")
if name:
    st.markdown(f"#### {words.plain(name)}\n\n{words.plain(TERMS[name].meaning)} {glossary.source(TERMS[name])}")
    parts = glossary.found({title: {n: t for n, t in part.items() if n != name} for title, part in parts.items()}, name)
    if parts:
        st.subheader("Also in", anchor=False)
if not parts and not name:
    st.info(f"No term fits “{words.plain(wanted or '')}”. A shorter word finds more.")
for title, part in parts.items():
    if not name:
        st.subheader(title)
    st.markdown(glossary.table(part))
if not wanted:
    st.subheader("Papers")
    st.markdown(glossary.papers(TERMS.items()))
