"""Espalier's site map: page settings, navigation and the running job. Start with `streamlit run app.py`."""

import streamlit as st

from pruning.errors import UserError
from pruning.jobs import supervisor
from views.ui import cards, live

st.set_page_config(page_title="Espalier", page_icon=":material/park:", layout="wide")
page = st.navigation(
    [
        st.Page("views/home.py", title="Home", icon=":material/home:", default=True),
        st.Page("views/train.py", title="Train", icon=":material/model_training:"),
        st.Page("views/explore.py", title="Explore", icon=":material/tune:"),
        st.Page("views/runs.py", title="Runs", icon=":material/list:"),
        st.Page("views/compare.py", title="Compare", icon=":material/scatter_plot:"),
        st.Page("views/export.py", title="Export", icon=":material/download:"),
        st.Page("views/help.py", title="Help", icon=":material/help:"),
    ]
)
try:
    supervisor.ensure()
    with st.sidebar:
        live.sidebar()
    page.run()
except UserError as error:
    cards.problem(error)
