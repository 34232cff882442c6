"""The criterion on the page: chosen by its title, told with equation and paper, its scores computed when asked for."""

from typing import Any

import streamlit as st

from pages.ui import cards, setup, state, words
from pruning.channels.map import ChannelMap
from pruning.criterion_cards import ASKED, CARDS, LATER, Family
from pruning.jobs.store import Row, State
from pruning.spec import CriterionName, PruneSettings, ScoreAt, ScoreSpec

Scores = dict[str, Any]  # group -> list of scores
ORDER = sorted(CARDS, key=lambda name: list(Family).index(CARDS[name].family))  # those of a family side by side
LIKELY = 10**12  # MACs of the scoring images together that one waits for


def choose(into: Any) -> CriterionName:
    """One of all criteria, those of a family side by side."""
    return CriterionName(into.selectbox("Criterion", ORDER, index=ORDER.index(CriterionName.L1), format_func=titled, key="criterion", bind="query-params",
                                        help="How a filter's worth is scored: by its weights, by what it does on images, or by gradients of the loss."))  # fmt: skip


def titled(name: CriterionName) -> str:
    card = CARDS[CriterionName(name)]
    return card.title if card.family is Family.CONTROL else f"{card.title} · {card.family}"


def about(name: CriterionName) -> None:
    """Definition, equation and paper of the one that is chosen."""
    card = CARDS[name]
    source = f" · [{card.paper}]({card.link})" if card.link else ""  # a caption would be too pale for a link
    st.markdown(f":small[{words.plain(card.definition)} {words.plain(card.equation)}{source}]")


def looks_at_activations(name: CriterionName) -> bool:
    """Whether it makes a difference where it looks."""
    return name.startswith("taylor") or CARDS[name].family is Family.ACTIVATIONS


def scores(row: Row, whole: ChannelMap, wish: PruneSettings, scored: dict[str, Any]) -> Scores | None:
    """The scores of every group; None while they are not there, with what leads to them."""
    found: Scores = scored.get(wish.criterion, {"error": ASKED})
    if wish.score_at is not ScoreAt.LAYER and looks_at_activations(wish.criterion):
        found = {"error": ASKED}
    if "error" not in found:
        return found
    if found["error"] not in (ASKED, LATER):
        cannot(wish.criterion, found["error"])
        return None
    if row.state is State.SUCCEEDED:
        return asked(row, whole, wish)
    unfinished(row, wish.criterion)
    return None


def unfinished(row: Row, name: CriterionName) -> None:
    if row.state.is_finished:
        st.info(
            f"Run {row.id} left no finished network that {CARDS[name].title} could score: choose another criterion, or another run."
        )
    else:
        st.info(f"{CARDS[name].title} scores the trained network: its scores can be had when run {row.id} has ended.")


def cannot(name: CriterionName, why: str) -> None:
    cards.problem({"what": f"{CARDS[name].title} cannot score this network: {why}", "do": "Choose another criterion."})


def asked(row: Row, whole: ChannelMap, wish: PruneSettings) -> Scores | None:
    """Scores of a small request, or the button that makes it."""
    spec = ScoreSpec(
        parent=row.id, criterion=wish.criterion, score_at=wish.score_at, blocks=wish.blocks, images=images(whole)
    )
    made = state.requested(spec)
    if made is None:
        offer(spec)
    elif setup.answer(made, f"Scoring the filters by {CARDS[wish.criterion].title}"):
        found: Scores = state.scores(made.id).get(wish.criterion) or {"error": "the request left no scores"}
        if "error" not in found:
            return found
        cannot(wish.criterion, found["error"])
    return None


def offer(spec: ScoreSpec) -> None:
    card = CARDS[spec.criterion]
    with st.container(border=True):
        st.markdown(f"**{card.title}** has not scored this network yet{': it takes longer than others' if card.is_costly else ''}. "
                    f"It looks at {words.count(spec.images)} training images; all that this page shows follows from its scores.")  # fmt: skip
        if st.button("Score now", type="primary", key="score-now"):
            state.submit(spec)
            st.rerun()


def images(whole: ChannelMap) -> int:
    """As many as the job will look at; fewer for a large network."""
    return max(64, min(PruneSettings().score_images, LIKELY // max(1, whole.counts().macs)))
