"""Networks that are pruned while they train: masks that grow (Zhu & Gupta 2017), and penalties that grow (Wang 2021)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pruning.allocate import from_settings
from pruning.channels.map import ChannelMap
from pruning.criteria import score
from pruning.explain import scoring_data
from pruning.plan import Plan
from pruning.schedule import comparable
from pruning.session import Session, steps, steps_done
from pruning.spec import PruneSettings
from pruning.surgery import duplicate, fits, positions

Scores = Mapping[str, NDArray[np.floating[Any]]]  # group -> (units,)
Masks = Mapping[nn.Parameter, Tensor]  # of a parameter's shape: True where it belongs to a unit that goes


@dataclass
class Gradual:
    """Masks that grow in so many updates while a network trains, chosen by new scores each time; what is masked stays so.

    `wish(time)` is what must be gone at a time in 0…1. The first update comes before the first step; the last, at time 1,
    leaves the last 1/`updates` of the training to the whole mask. `updates` = 0: one an epoch. At the end `plan` cuts what
    is masked, and the network's function stays the same. Wishes whose numbers one cut finds (budgets, percentiles,
    sensitivity) come as `schedule.settled` has them.
    """

    channels: ChannelMap
    wish: Callable[[float], PruneSettings]
    updates: int = 0
    done: int = 0
    plan: Plan | None = None
    masks: Masks = field(default_factory=dict)

    def before_step(self, session: Session) -> None:
        due = self.due(session)
        if due > self.done:
            self.grow(session, due)

    def after_backward(self, session: Session) -> None: ...

    def after_step(self, session: Session) -> None:
        silence(self.masks)  # momentum would bring the masked weights back

    def is_complete(self, session: Session) -> bool:
        return self.done == self.wanted(session)

    def state(self) -> dict[str, Any]:
        return {"done": self.done, "plan": self.plan.to_json() if self.plan else ""}

    def restore(self, session: Session, state: dict[str, Any]) -> None:
        self.done = state["done"]
        if state["plan"]:
            self.follow(session.model, Plan.from_json(state["plan"], self.channels))

    def wanted(self, session: Session) -> int:
        return self.updates or session.settings.epochs

    def due(self, session: Session) -> int:
        """Updates that must have happened before the next step: update u comes after u ÷ wanted of all steps."""
        return min(self.wanted(session), steps_done(session) * self.wanted(session) // all_steps(session) + 1)

    def grow(self, session: Session, due: int) -> None:
        wish = self.wish(due / self.wanted(session))
        scores, comparing = comparable(scored(session, self.channels, wish), wish)
        plan = from_settings(self.channels, sunk(scores, self.plan), comparing)
        self.follow(session.model, onwards(self.plan, plan, scores))
        self.done = due
        gone = sum(map(len, self.plan.removed().values())) if self.plan else 0
        session.report.event(f"Masked {gone:,} filters after {steps_done(session):,} steps.")

    def follow(self, model: nn.Module, plan: Plan) -> None:
        self.plan, self.masks = plan, going(model, plan)
        silence(self.masks)


@dataclass
class Growing:
    """An L2 penalty on all weights that `plan` will remove, growing from 0 to `penalty` over the training (GReg-1).

    Wang et al. 2021, arXiv 2012.09243: what goes is chosen before, and the network learns to do without it.
    """

    plan: Plan
    penalty: float
    masks: Masks = field(default_factory=dict)
    size: float = 0.0  # L2 norm of what goes, at the start

    def before_step(self, session: Session) -> None:
        self.masks = self.masks or going(session.model, self.plan)
        self.size = self.size or norm(self.masks)

    @torch.no_grad()
    def after_backward(self, session: Session) -> None:
        """Add λ·w to the gradients; λ reaches `penalty` at the last step."""
        factor = self.penalty * (steps_done(session) + 1) / all_steps(session)
        for parameter, mask in self.masks.items():
            if parameter.grad is not None:
                parameter.grad.add_(parameter * mask, alpha=factor)

    def after_step(self, session: Session) -> None:
        if self.size and steps_done(session) + 1 == all_steps(session):
            left = norm(self.masks) / self.size
            session.report.event(f"The weights that go have shrunk to {left:.1%} of their norm.")

    def is_complete(self, session: Session) -> bool:
        return session.at.epoch + 1 >= session.settings.epochs

    def state(self) -> dict[str, Any]:
        return {"size": self.size}

    def restore(self, session: Session, state: dict[str, Any]) -> None:
        self.size = state["size"]


def all_steps(session: Session) -> int:
    return session.settings.epochs * steps(session)


def scored(session: Session, channels: ChannelMap, wish: PruneSettings) -> Scores:
    """Scores of a copy in eval mode, so that modes, gradients and random numbers of the training stay as they are."""
    twin = duplicate(session.model, {}).requires_grad_(True).eval()
    data = scoring_data(
        session.dataset, wish.score_images, seed=wish.seed, device=session.device, report=session.report
    )
    with torch.random.fork_rng(devices=[session.device] if session.device.type == "cuda" else []):
        torch.manual_seed(wish.seed)
        found = score(twin, channels, wish.criterion, data=data, seed=wish.seed, at=wish.score_at)
    return {name: values.numpy() for name, values in found.items()}


def sunk(scores: Scores, before: Plan | None) -> Scores:
    """Scores in which units that are masked already are lower than all others."""
    lowest = min((values.min() for values in scores.values()), default=0.0)
    sunken = {name: values.copy() for name, values in scores.items()}
    for name, gone in (before.removed() if before else {}).items():
        if name in sunken:
            sunken[name][gone] = lowest - 1
    return sunken


def onwards(before: Plan | None, plan: Plan, scores: Scores) -> Plan:
    """`plan`, with the units that `before` removes among those that go: as many, but for groups that would get some back."""
    gone, wanted = before.removed() if before else {}, plan.removed()
    removed = {
        name: stay_gone(gone.get(name, []), wanted.get(name, []), scores[name]) for name in gone.keys() | wanted.keys()
    }
    units = {group.name: set(range(group.units)) for group in plan.channels.groups}
    return Plan(plan.channels, {name: tuple(sorted(units[name] - set(out))) for name, out in removed.items()})


def stay_gone(gone: list[int], wanted: list[int], scores: NDArray[Any]) -> list[int]:
    """All of `gone`, then the lowest others of `wanted` up to its number."""
    new = sorted(set(wanted) - set(gone), key=lambda unit: (scores[unit], unit))
    return gone + new[: max(0, len(wanted) - len(gone))]


def going(model: nn.Module, plan: Plan) -> Masks:
    """What `surgery.masked` sets to zero, of every parameter that the plan cuts."""
    fits(model, plan)
    cut, masks = positions(plan), {}
    for name, parameter in model.named_parameters():
        mask = torch.zeros_like(parameter, dtype=torch.bool)
        for dimension, kept in enumerate(cut.get(name, ())):
            if kept is not None:
                gone = np.setdiff1d(np.arange(parameter.shape[dimension]), kept)
                mask.index_fill_(dimension, torch.from_numpy(gone).to(mask.device), True)
        if any(kept is not None for kept in cut.get(name, ())):
            masks[parameter] = mask
    return masks


@torch.no_grad()
def silence(masks: Masks) -> None:
    for parameter, mask in masks.items():
        parameter.masked_fill_(mask, 0)


@torch.no_grad()
def norm(masks: Masks) -> float:
    """L2 norm of all masked weights together."""
    return math.sqrt(sum((p * mask).double().square().sum().item() for p, mask in masks.items()))
