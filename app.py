"""Espalier's site map: page settings, navigation and the running job. Start with `streamlit run app.py`."""

from pathlib import Path

import streamlit as st

from pages.ui import cards, files, live
from pruning.errors import UserError
from pruning.jobs import supervisor

st.set_page_config(
    page_title="Espalier", page_icon=str(Path(__file__).parent / "pages" / "ui" / "espalier.svg"), layout="wide"
)
st.html(Path(__file__).parent / "pages" / "ui" / "look.css")
st.session_state["inside_app"] = True
page = st.navigation(
    [
        st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
        st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
        st.Page("pages/explore.py", title="Explore", icon=":material/tune:"),
        st.Page("pages/recipes.py", title="Recipes", icon=":material/menu_book:"),
        st.Page("pages/runs.py", title="Runs", icon=":material/list:"),
        st.Page("pages/compare.py", title="Compare", icon=":material/scatter_plot:"),
        st.Page("pages/export.py", title="Export", icon=":material/download:"),
        st.Page("pages/glossary.py", title="Glossary", icon=":material/dictionary:"),
        st.Page("pages/help.py", title="Help", icon=":material/help:"),
    ]
)
try:
    supervisor.ensure()
    with st.sidebar:
        live.sidebar()
    files.begin()
    page.run()
    files.everything()
except UserError as error:
    cards.problem(error)
