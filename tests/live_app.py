"""The page under test: the live element alone, with the engine's own numbers after each release, and how often it ran."""

import json
import warnings

import streamlit as st
import torch
from live_data import data_of, tiles

import models
from pages.ui.explorer.component import explorer
from pruning import trace
from pruning.channels.map import ChannelMap

warnings.filterwarnings("ignore")
st.set_page_config(layout="wide")


@st.cache_resource
def channels_of(name: str) -> ChannelMap:
    card = models.MODELS[name]
    with torch.device("meta"):
        network = models.build(name)
    return trace(network, torch.zeros(1, card.in_channels, card.image_size, card.image_size))


@st.cache_resource
def data(name: str, round_to: int) -> dict:
    return data_of(channels_of(name), round_to=round_to, key=name)


name, options = st.query_params.get("network", "scnnb"), st.query_params
channels = channels_of(name)
st.session_state.runs = st.session_state.get("runs", 0) + 1
now = data(name, int(options.get("multiple", 1))) | {"revision": st.session_state.get("revision", 0)}
wish = st.session_state.get("live", {}).get("wish")
if wish:
    index, base = channels.index(wish["group"]), now["base"][wish["overall"]]
    kept = {g.name: wish["kept"].get(g.name, base[i]) for i, g in enumerate(channels.groups)}
    now |= {"confirmed": {"kept": list(kept.values()), **vars(channels.counts(kept))}}
    now["tiles"] = tiles(index, channels.groups[index].units)
if st.session_state.get("revision"):
    now["start"] = now["start"] | {"overall": 30}
explorer(now, key="live", on_change=lambda: None)
st.button("Rerun")
if st.button("Set 30 %"):
    st.session_state.revision = st.session_state.get("revision", 0) + 1
    st.rerun()
st.text(f"runs: {st.session_state.runs}")
st.text(f"wish: {json.dumps(wish)}")
