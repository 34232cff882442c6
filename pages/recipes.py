"""Recipes: the source documents and rows of papers, one click each, with what must come out beside what came out here."""

import streamlit as st

from pages.ui import cards, recipes

cards.header("Recipes", "Source documents and papers, one click each: what must come out, and beside it what came out here.",
             "Parameters", "MACs", "Accuracy", "Fine-tuning")  # fmt: skip
st.caption(recipes.LINE)
trees = recipes.trees()
for title, names in recipes.parts().items():
    st.subheader(title, anchor=False)
    for first in range(0, len(names), 2):
        for column, name in zip(st.columns(2, gap="medium"), names[first : first + 2], strict=False):
            with column:
                recipes.show(name, trees.get(name, []))
