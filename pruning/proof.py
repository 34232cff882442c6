"""What the check of a pruned network against its masked original says, as words (no torch)."""

from pruning.plan import Plan


def in_words(plan: Plan | None, difference: float) -> str:
    """'equals the masked network to 4e-16', or by how much and why it differs; without a plan, as far as is known."""
    reasons = causes(plan) if plan is not None else []
    if not reasons and difference <= TINY:
        return f"equals the masked network {f'to {difference:.0e}' if difference else 'exactly'}"
    because = f", because {' and '.join(reasons)}" if reasons else ""
    return f"differs from the masked network by {percent(difference)}{because}"


TINY = 1e-9  # what rounding in float64 explains


def causes(plan: Plan) -> list[str]:
    """Why removing is not masking in the groups that lose units, each reason once."""
    removed = plan.removed()
    found = [group.approximate for group in plan.channels.groups if group.approximate and group.name in removed]
    return list(map(clause, dict.fromkeys(found)))


def clause(reason: str) -> str:
    """A group's reason as what follows 'because': 'layer norm: its statistics are …' → 'layer norm's statistics are …'."""
    return reason.replace(": its ", "'s ")


def percent(difference: float) -> str:
    """0.0312 → '3.1 %'."""
    return f"{100 * difference:.2g} %" if difference < 1 else f"{100 * difference:.0f} %"
