"""A recipe as a card: what it does, what must come out beside what came out here, what it costs, and the buttons that run it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.ui import cards, live, state, words
from pruning.errors import UserError
from pruning.jobs import known
from pruning.jobs.store import Row, State
from pruning.recipes import RECIPES, Card, card_of, cost, is_short, titled
from pruning.recipes import steps as steps_of
from pruning.recipes.outcome import Accuracy, Count, accuracies, counts, ended
from pruning.run import Run, data_home
from pruning.spec import DataSettings, PruneSpec, RecipeSpec, TrainSpec

LINE = (
    "Counts are exact: a tick says that a finished run here has the very number. The short version keeps the network and "
    "so the counts, on fewer images and for one epoch; its accuracy is not to be compared."
)
WIDTH = 400  # pixels of a card: two beside each other on a laptop, three on a wide screen
PLACES = {  # data set → its folder in PRUNING_DATA, what is downloaded
    "mnist": ("MNIST/raw", "MNIST, 12 MB"),
    "fashion-mnist": ("FashionMNIST/raw", "Fashion-MNIST, 31 MB"),
    "cifar10": ("cifar-10-batches-py", "CIFAR-10, 170 MB"),
}

Trained = list[tuple[TrainSpec, dict[str, Any]]]


def parts() -> dict[str, list[str]]:
    """Titles of the page's parts with the recipes in them."""
    documents = [name for name in RECIPES if name.startswith("0")]
    return {"Source documents": documents, "Li et al. 2017, Table 1": [n for n in RECIPES if n not in documents]}


def trees() -> dict[str, list[Row]]:
    """Every recipe's trees, newest first."""
    found: dict[str, list[Row]] = {}
    for row in state.rows(kinds=["recipe"]):
        spec = state.specification(row.id)
        if isinstance(spec, RecipeSpec):
            found.setdefault(spec.name, []).append(row)
    return found


def trained() -> Trained:
    """Finished trainings with their results, newest first: they tell how fast this machine is."""
    rows = state.rows(kinds=["train"], states=[State.SUCCEEDED])
    found = ((state.specification(row.id), state.result(row.id)) for row in rows)
    return [(spec, made) for spec, made in found if isinstance(spec, TrainSpec) and made]


def show(name: str, made: list[Row], before: Trained) -> None:
    """One recipe's card; `made`: its trees, newest first; `before`: what was trained here."""
    card, row = RECIPES[name], chosen(made)
    with st.container(border=True, width=WIDTH):
        st.markdown(f"**{words.plain(card.title)}**  \n:small[[{card.source}]({card.link})]")
        st.markdown(words.plain(card.does))
        with st.expander("Numbers that must come out", expanded=row is not None):
            tables(card, row)
        if row is not None:
            ended_or_not(row)
        start(name, card, before)


def chosen(made: list[Row]) -> Row | None:
    """The tree that a card shows: the newest that is under way, else the newest full one that ended well, else the newest."""
    active = [row for row in made if not row.state.is_finished]
    full = [row for row in made if row.state is State.SUCCEEDED and not is_short(wish_of(row))]
    return next(iter([*active, *full, *made]), None)


def wish_of(row: Row) -> RecipeSpec:
    spec = state.specification(row.id)
    assert isinstance(spec, RecipeSpec)
    return spec


def tables(card: Card, row: Row | None, *, into: Sequence[Any] = (st, st)) -> None:
    """Counts with ticks, accuracies over the seeds, each into its own place; of no tree yet, what is expected."""
    wish = None if row is None else wish_of(row)
    found = ended(wish, {r.given_title: Run.of(r.id) for r in state.store().children(row.id)}) if wish and row else {}
    into[0].markdown(count_table(counts(card, found)))
    told = accuracies(card, found)
    if told:
        into[1].markdown(accuracy_table(told))
    notes = [f"{line.step}: {line.note}." for line in told if line.note]
    if wish is not None and is_short(wish) and any(found.values()):
        notes.append("Here: the short version, whose accuracy is not to be compared.")
    if notes:
        st.caption("  \n".join(map(words.plain, notes)))


def count_table(lines: list[Count]) -> str:
    """Markdown: step, expected number, measured one with a tick."""
    rows = [f"| {line.step} | {words.count(line.expected)} {line.what} | {measured(line)} |" for line in lines]
    return "\n".join(["| Step | Expected | Here |", "|:--|--:|--:|", *rows]).replace(" %", "\u00a0%")


def measured(line: Count) -> str:
    """'3,052 ✓', or what differs; a sign as well as a colour."""
    if not line.measured:
        return "–"
    values = ", ".join(words.count(value) for value in sorted(set(line.measured)))
    return f"{values}\u00a0:green[:material/check:]" if line.agrees else f"{values}\u00a0:red[:material/close: differs]"


def accuracy_table(lines: list[Accuracy]) -> str:
    """Markdown: step, reported, mean ± standard deviation over the seeds."""
    rows = [f"| {line.step} | {words.percent(line.reported)} | {seeds(line)} |" for line in lines]
    return "\n".join(["| Test accuracy | Reported | Here |", "|:--|--:|--:|", *rows]).replace(" %", "\u00a0%")


def seeds(line: Accuracy) -> str:
    if line.deviation is None:
        return words.percent(line.mean)
    return f"{100 * (line.mean or 0):.2f} ± {100 * line.deviation:.2f} % (n\u00a0=\u00a0{len(line.measured)})"


def ended_or_not(row: Row) -> None:
    """How far the tree is, or how it ended, and the way to its page."""
    if not row.state.is_finished:
        live.tree(row)
    with st.container(horizontal=True, vertical_alignment="center"):
        cards.badge(row.state)
        cards.link(row, "recipe", f"Open run {row.id}" + " (short version)" * is_short(wish_of(row)))
    if row.state is State.FAILED and row.error:
        st.caption(words.plain(row.error["what"]) + " Its page says why.")


def start(name: str, card: Card, before: Trained) -> None:
    """Cost, options and the two buttons."""
    with st.container(horizontal=True, vertical_alignment="center"):
        buttons = st.container(horizontal=True, width="content")
        with st.popover("Options", type="tertiary"):
            wish = options(name, card)
    lacks = card.needs_folder and not wish.data.folder
    run = buttons.button("Run", key=f"run-{name}", disabled=lacks)
    short = card.short is not None and buttons.button("Short version", key=f"short-{name}", disabled=lacks)
    st.caption(words.plain(cost_of(wish, card, before)))
    if run or short:
        begin(wish.model_copy(update={"short": bool(short)}))


def options(name: str, card: Card) -> RecipeSpec:
    """Seeds, control, folder and checkpoint, as this card takes them."""
    count = st.number_input(
        "Seeds", 1, 20, 1, key=f"seeds-{name}", help="The whole recipe once for each: mean and spread."
    )
    can_control = any(isinstance(spec, PruneSpec) for spec in card.steps.values())
    control = can_control and st.toggle("Control", key=f"control-{name}", help="Also train every pruned architecture from fresh weights, for as "
                        "many epochs as the dense network (Liu 2019).")  # fmt: skip
    folder = weights = ""
    if card.image_size:
        folder = st.text_input("Folder or ZIP file of photos", key=f"folder-{name}",
                               help="train/CLASS/* and test/CLASS/*, instead of the recipe's own images.")  # fmt: skip
        weights = st.text_input(
            "Checkpoint", key=f"weights-{name}", help="Trained weights instead of the first training."
        )
    return RecipeSpec(name=name, seeds=tuple(range(int(count))), control=control, weights=weights,
                      data=DataSettings(name="", folder=folder))  # fmt: skip


def begin(wish: RecipeSpec) -> None:
    """Queue the tree and show its page; what keeps it from starting is said on the card."""
    try:
        known.check(wish)
        cards.open_run(state.submit(titled(wish))[0])
    except UserError as error:
        cards.problem(error)


def cost_of(wish: RecipeSpec, card: Card, before: Trained) -> str:
    """'About 12 min here; short version about 1 min', and what is downloaded or needed first."""
    if card.needs_folder and not wish.data.folder:
        return "Needs a folder of photos: name it under Options."
    pace = cost.pace(wish, before)
    whole, brief = (
        words.roughly(cost.seconds(wish.model_copy(update={"short": short}), pace=pace)) for short in (False, True)
    )
    told = f"{cards.sentence(whole)[:-1]} {'here' if pace else 'on one CPU core'}" + f"; short version {brief}" * bool(
        card.short
    )
    return ". ".join([told, *first(wish)]) + "."


def first(wish: RecipeSpec) -> list[str]:
    """What is downloaded before it starts: for the full version alone, or for both."""
    full, brief = (needed(wish.model_copy(update={"short": short})) for short in (False, True))
    if not full:
        return []
    offline = "; offline, name a folder or ZIP file of its photos under Options" if brief else ""
    return [f"{'Downloads' if brief else 'The full version downloads'} {full} first{offline}"]


def needed(wish: RecipeSpec) -> str:
    """The data set that is not here yet, with its size."""
    data = next(step.spec.data for step in steps_of(wish) if isinstance(step.spec, TrainSpec))
    place, title = PLACES.get(data.name, ("", ""))
    return title if place and not (data_home() / place).is_dir() else ""


def outcome(row: Row) -> None:
    """A tree's own page: what must come out beside what came out."""
    st.subheader("Expected and measured", anchor=False)
    tables(card_of(wish_of(row).name), row, into=st.columns(2))
