"""What a run says, as lines for a terminal."""

from typing import Any

from pruning.jobs.store import Row, State
from pruning.run import Run, read_json


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
    return f"Run {row.id} {row.state}" + "".join(f", {part}" for part in numbers(row.summary)) + "."


def overview(row: Row) -> str:
    beat = read_json(Run.of(row.id).status, {}) if row.state is State.RUNNING else {}
    stage = f"{beat['stage']} {beat['done']:g} of {beat['of']:g}" if beat.get("of") else ""
    says = [stage, *numbers(row.summary), row.error["what"] if row.error else ""]
    return f"{row.id:5d}  {row.kind:9}{row.state:11}{row.title:24}  {', '.join(filter(None, says))}".rstrip()


def numbers(summary: dict[str, Any]) -> list[str]:
    after = summary.get("after") or {}
    accuracy, params = after.get("test_accuracy"), after.get("params")
    parts = [f"{accuracy:.2%} of the test images right"] if accuracy is not None else []
    return parts + ([f"{params:,} parameters"] if params is not None else [])


def advised(what: str, do: str) -> str:
    return f"{what.rstrip('.')}. {do}".strip()
