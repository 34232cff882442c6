"""Jobs that contradict themselves or would do nothing, each refused in a sentence before it is queued. No torch."""

from pruning.errors import UserError
from pruning.spec import (
    BY_SHARE,
    RANKED,
    WEIGHT_NORMS,
    Order,
    PruneSettings,
    PruneSpec,
    Rewind,
    ScheduleSettings,
    Spec,
    Spread,
    SweepSpec,
    TrainSettings,
    When,
)


def refuse_idle(spec: Spec) -> None:
    """Raise UserError for a wish that removes nothing, or shares that its spread does not read. Share 0 is a control."""
    if not isinstance(spec, PruneSpec | SweepSpec):
        return
    wish, spread = spec.pruning, spec.pruning.spread
    refuse_contradictions(wish)
    refuse_schedule(spec.schedule, wish, spec.finetune)
    if isinstance(spec, SweepSpec) and wish.has_budget:
        raise UserError("A sweep tries shares, and a budget finds its own.", do="Leave out the budget, or the sweep.")
    if isinstance(spec, SweepSpec) and spread not in BY_SHARE:
        raise UserError(
            f"A sweep tries shares, which spread={str(spread)!r} does not read.",
            do="Choose uniform, global or isomorphic.",
        )
    if spread is Spread.GROUPS and not wish.shares and not wish.ceiling:
        raise UserError(
            "spread='groups' with no shares removes nothing.", do="Give shares by group name, such as conv1=0.3."
        )
    if spread in (Spread.PER_LAYER, Spread.TOTAL) and not wish.filters:
        where = "of every layer" if spread is Spread.PER_LAYER else "over all layers"
        raise UserError(
            f"spread={str(spread)!r} with filters=0 removes nothing.", do=f"Give filters, the number to remove {where}."
        )


def refuse_contradictions(wish: PruneSettings) -> None:
    """Raise UserError for a budget that the spread finds no share for, and a greedy order of what has none."""
    if wish.has_budget and wish.spread not in BY_SHARE:
        raise UserError(
            f"A budget finds the share, which spread={str(wish.spread)!r} does not read.",
            do=f"Choose {', '.join(BY_SHARE)}.",
        )
    if wish.order is Order.INDEPENDENT:
        return
    if wish.spread in RANKED:
        raise UserError(
            f"order='greedy' goes layer by layer, and spread={str(wish.spread)!r} compares layers with each other.",
            do="Choose uniform, groups, per-layer or percentile, or order=independent.",
        )
    if wish.criterion not in WEIGHT_NORMS:
        raise UserError(
            f"order='greedy' leaves out weights of a filter, and {wish.criterion} is no norm of weights.",
            do=f"Choose {', '.join(WEIGHT_NORMS)}, or order=independent.",
        )


def refuse_schedule(schedule: ScheduleSettings, wish: PruneSettings, finetune: TrainSettings) -> None:
    """Raise UserError for a schedule without the training that it lives on, and for masks in a greedy order."""
    when, rewind = f"when={str(schedule.when)!r}", f"rewind={str(schedule.rewind)!r}"
    if schedule.when is not When.CUT and not schedule.epochs:
        raise UserError(
            f"{when} with epochs=0 has no training to prune in.", do="Give the schedule epochs, or when=cut."
        )
    if schedule.when is When.TRAINING and wish.order is Order.GREEDY:
        raise UserError(
            f"order='greedy' goes layer by layer, and {when} masks all layers as they learn.",
            do="Choose order=independent, or when=cut.",
        )
    between = schedule.epochs if schedule.when is When.CUT and schedule.steps > 1 else 0
    if schedule.rewind is not Rewind.NONE and not finetune.epochs and not between:
        raise UserError(
            f"{rewind} with no epochs of fine-tuning ends with weights that nothing has trained.",
            do="Give epochs of fine-tuning, or rewind=none.",
        )
