"""Recipes: the source documents and rows of papers, one click each, with what must come out beside what came out here."""

import streamlit as st

from pages.ui import cards, recipes

cards.header("Recipes", "Source documents and papers, one click each: what must come out, and beside it what came out here.",
             "Parameters", "MACs", "Accuracy", "Fine-tuning")  # fmt: skip
st.caption(recipes.LINE)
trees, trained = recipes.trees(), recipes.trained()
for title, names in recipes.parts().items():
    st.subheader(title, anchor=False)
    with st.container(horizontal=True, gap="small"):  # as many side by side as there is room for
        for name in names:
            recipes.show(name, trees.get(name, []), trained)
