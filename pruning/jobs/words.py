"""What a run says, as lines for a terminal."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pruning.channels.map import ChannelMap, Group
from pruning.choices import Blocks
from pruning.jobs.store import NETWORK, Row, State
from pruning.recipes import Card, cost
from pruning.recipes.outcome import Accuracy, Count
from pruning.run import Run, read_json
from pruning.spec import DataSettings, RecipeSpec

OWN = DataSettings(name="")
PLACE = DataSettings(name="", folder="photos")  # stands for the user's photos where only the time is asked for


def line(record: dict[str, Any]) -> str:
    if "text" in record:
        return str(record["text"])
    parts = [f"{record.get('stage', '')} epoch {record.get('epoch', '?')}"]
    parts += [f"loss {record['train_loss']:.4f}"] if record.get("train_loss") is not None else []
    accuracy = record.get("validation_accuracy")
    parts += [f"validation accuracy {accuracy:.2%}"] if accuracy is not None else []
    return ", ".join(parts)


def sentence(row: Row) -> str:
    """How a finished run ended."""
    if row.error:
        return advised(f"Run {row.id} failed: {row.error['what']}", row.error["do"])
    return f"Run {row.id} {row.state}" + "".join(f", {part}" for part in numbers(row)) + "."


def overview(row: Row) -> str:
    beat = read_json(Run.of(row.id).status, {}) if row.state is State.RUNNING else {}
    stage = f"{beat['stage']} {beat['done']:g} of {beat['of']:g}" if beat.get("of") else ""
    says = [stage, *numbers(row), row.error["what"] if row.error else ""]
    return f"{row.id:5d}  {row.kind:9}{row.state:11}{row.title:24}  {', '.join(filter(None, says))}".rstrip()


def numbers(row: Row) -> list[str]:
    """Accuracy and size of the network that a run made; nothing of one that only looked at its parent's."""
    after = (row.summary.get("after") if row.kind in NETWORK else None) or {}
    accuracy, params = after.get("test_accuracy"), after.get("params")
    parts = [f"{accuracy:.2%} of the test images right"] if accuracy is not None else []
    return parts + ([f"{params:,} parameters"] if params is not None else [])


def earlier(lines: list[tuple[float, str]]) -> str:
    """What was said before somebody began to follow, in one line."""
    clock = time.strftime("%H:%M:%S", time.localtime(lines[-1][0]))
    return f"(earlier: {len(lines)} {'line' if len(lines) == 1 else 'lines'}; the last, at {clock}: {lines[-1][1]})"


def inspected(run: Run, images: int | None) -> list[str]:
    """A network's size, what of it can be pruned, and what cannot; `images`: those of an epoch, where known."""
    result, whole = read_json(run.result), ChannelMap.from_json(run.channels.read_text())
    after, each = result["after"], result.get("seconds_per_image")
    epoch = f", about {each * images:.2g} s an epoch here" if each and images else ""
    return [
        f"{after['params']:,} parameters, {after['macs']:,} MACs, {after['bytes'] / 1e6:.1f} MB{epoch}",
        f"{filters(whole)} can be pruned:",
        *map(described, whole.groups),
        *in_blocks(run, whole),
        *([f"{len(whole.protected)} protected:"] if whole.protected else []),
        *(f"  {layer.name:24} {layer.units:5d}  {layer.reason}" for layer in whole.protected),
        *sorted({f"≈ {group.approximate}" for group in whole.groups if group.approximate}),
    ]


def filters(whole: ChannelMap) -> str:
    return f"{sum(group.units for group in whole.groups):,} filters in {len(whole.groups)} groups"


def in_blocks(run: Run, inside: ChannelMap) -> list[str]:
    """The groups that --pruning.blocks whole has instead, where that differs."""
    file, _ = run.explained(Blocks.WHOLE)
    whole, known = ChannelMap.from_json(file.read_text()), set(inside.groups)
    other = [group for group in whole.groups if group not in known]
    return [f"by --pruning.blocks whole, {filters(whole)}; other than above:", *map(described, other)] if other else []


def described(group: Group, most: int = 4) -> str:
    """A group's name, units (≈: removing is not quite masking) and the first layers that go along with it."""
    names = [*group.layers[1:], *group.coupled]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    along = f"  along with {', '.join(names[:most])}{more}" if names else ""
    return f"  {group.name:24} {group.units:5d}{' ≈' * bool(group.approximate)}{along}"


def prepared(card: dict[str, Any]) -> list[str]:
    """A data set's classes with their counts."""
    parts = ("train", "validation", "test")
    width = max(map(len, card["classes"]))
    rows = zip(card["classes"], *(card["counts"][part] for part in parts), strict=True)
    return [
        ", ".join(f"{card[part]:,} {part}" for part in parts) + f" examples of {len(card['classes'])} classes",
        f"  {'class':{width}} " + " ".join(f"{part:>10}" for part in parts),
        *(f"  {name:{width}} " + " ".join(f"{n:10,}" for n in counts) for name, *counts in rows),
        *card["notes"],
    ]


def listed(cards: Mapping[str, Card]) -> list[str]:
    """The recipes there are, with what each takes."""
    rows = [
        f"  {name:12} {card.title:54} {took(RecipeSpec(name=name, data=PLACE if card.needs_folder else OWN), card)}"
        for name, card in cards.items()
    ]
    return [
        "recipes, with the time of one seed on one CPU core:",
        *rows,
        "run one: python -m pruning recipe NAME [--short]",
    ]


def took(wish: RecipeSpec, card: Card) -> str:
    """'about 12 min, short 1 min'."""
    brief = wish.model_copy(update={"short": True})
    return f"{roughly(cost.seconds(wish))}" + (f", short {roughly(cost.seconds(brief))}" if card.short else "")


def roughly(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.0f} h"


def checked(counts: Sequence[Count], accuracies: Sequence[Accuracy], *, short: bool) -> list[str]:
    """A recipe's outcome as two tables: exact counts, and accuracies over the seeds."""
    here = "here (short version: not to be compared)" if short else "here"
    width = max(map(len, (*(c.step for c in counts), *(a.step for a in accuracies))))
    head = [f"{'counts':{width}}  {'':16}    expected      measured"]
    body = [f"{c.step:{width}}  {c.what:16}{c.expected:12,}{measured(c):>14}  {verdict(c)}".rstrip() for c in counts]
    told = [f"{a.step:{width}}  {share(a.reported):>8}  {seeds(a)}  {a.note}".rstrip() for a in accuracies]
    return [*head, *body, f"{'accuracy':{width}}  reported  {here}", *told]


def measured(count: Count) -> str:
    return " ".join(f"{value:,}" for value in sorted(set(count.measured))) or "–"


def verdict(count: Count) -> str:
    return "" if not count.measured else "✓" if count.agrees else "differs"


def share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"


def seeds(accuracy: Accuracy) -> str:
    """'93.10% ± 0.40 (3 seeds)'."""
    if accuracy.deviation is None:
        return share(accuracy.mean)
    return f"{share(accuracy.mean)} ± {100 * accuracy.deviation:.2f} ({len(accuracy.measured)} seeds)"


def advised(what: str, do: str) -> str:
    return f"{what.rstrip('.')}. {do}".strip()
