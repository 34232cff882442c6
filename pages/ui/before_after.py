"""What a run measured, as tables: before and after, and after each step of a schedule."""

from typing import Any

from pages.ui import cards, words

Measured = dict[str, Any]


def stages(made: Measured, between: str = "Right after surgery") -> str:
    """Markdown table. Rows: quantities; columns: before, what `between` names, after, change."""
    present = {"Before": made["before"], between: made.get("pruned"), "After": made["after"]}
    columns = {name: numbers(measured) for name, measured in present.items() if measured}
    columns["Change"] = changes(made["before"], made["after"])
    rows = [name for name in columns["After"] if any(cells.get(name, "–") != "–" for cells in columns.values())]
    lines = [f"| {name} | {' | '.join(cells.get(name, '–') for cells in columns.values())} |" for name in rows]
    lines = [f"| | {' | '.join(columns)} |", "|:--|" + "--:|" * len(columns), *lines]
    return "\n".join(lines).replace(" pp", "\u00a0pp").replace(" %", "\u00a0%")


def steps(made: Measured) -> str:
    """Markdown table: what each step of a schedule left, and its accuracy right after its cut and after its training."""
    head = (
        "Step",
        "Filters removed",
        "Parameters",
        "MACs",
        "Validation accuracy right after its cut",
        "after its epochs",
    )
    rows = [
        (str(i), words.count(step["removed"]), words.count(step["params"]), words.count(step["macs"]),
         words.percent(step.get("cut_accuracy")), words.percent(step.get("validation_accuracy")))
        for i, step in enumerate(made["steps"], 1)
    ]  # fmt: skip
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "--:".join("|" * (len(head) + 1)), *lines[1:]]).replace(" %", "\u00a0%")


def numbers(measured: Measured) -> dict[str, str]:
    told = {
        "Test accuracy": words.percent(measured.get("test_accuracy")),
        "Validation accuracy": words.percent(measured.get("validation_accuracy")),
        "Parameters": words.count(measured["params"]),
        "MACs": words.count(measured["macs"]),
        "Size": words.size(measured["bytes"]),
    }
    timing = measured.get("latency")
    if timing:
        told["Latency"] = cards.spread(timing)
    return told


def changes(before: Measured, after: Measured) -> dict[str, str]:
    accuracies = {"Test accuracy": "test_accuracy", "Validation accuracy": "validation_accuracy"}
    told = {
        n: words.points(before[k], after[k])
        for n, k in accuracies.items()
        if before.get(k) is not None and after.get(k) is not None
    }
    told |= {name: words.change(before[key], after[key]) for name, key, _ in cards.COSTS}
    old, new = cards.milliseconds(before), cards.milliseconds(after)
    return told | ({"Latency": words.change(old, new)} if old and new else {})
