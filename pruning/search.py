"""Search of shares per group, accuracy against a cost, by Optuna's multi-objective TPE (Ozaki et al. 2022)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pruning.spec import SearchSettings

if TYPE_CHECKING:
    from optuna import Study
    from optuna import Trial as OptunaTrial

START = (0.0, 0.25, 0.5, 0.75)  # shares of every group alike that come first: what the search has to beat
GRAIN = 0.01  # shares are tried in whole percents
Shares = dict[str, float]
Objective = Callable[[Shares], tuple[float, float]]  # shares removed by group -> (accuracy in 0..1, cost)


@dataclass(frozen=True)
class Trial:
    shares: Shares
    accuracy: float
    cost: float


def search(
    groups: Sequence[str],
    settings: SearchSettings,
    objective: Objective,
    *,
    done: Sequence[Trial] = (),
    keep: Callable[[list[Trial]], None] = lambda _: None,
) -> list[Trial]:
    """`settings.trials` trials in order, `done` ones first as they are; `keep` gets all so far after each.

    A trial depends on the seed, its number and the trials before it, so that a search goes on after a stop as if there had been none.
    """
    trials = list(done)
    study, space = study_of(groups, settings, trials), distributions(groups, settings)
    while len(trials) < settings.trials:
        asked = ask(study, space, settings, len(trials))
        shares = {name: round(float(share), 9) for name, share in asked.params.items()}
        trials.append(Trial(shares, *objective(shares)))
        study.tell(asked, [trials[-1].accuracy, trials[-1].cost])
        keep(trials)
    return trials


def ask(study: "Study", space: dict[str, Any], settings: SearchSettings, number: int) -> "OptunaTrial":
    """Trial `number`: uniform shares first, then what Optuna asks for, by a seed of its own."""
    from optuna.samplers import TPESampler

    uniform = [share for share in START if share <= settings.most]
    if number < len(uniform):
        study.enqueue_trial(dict.fromkeys(space, uniform[number]))
    study.sampler = TPESampler(seed=settings.seed + number)
    return study.ask(space)


def study_of(groups: Sequence[str], settings: SearchSettings, trials: Sequence[Trial]) -> "Study":
    import optuna
    from optuna.trial import create_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["maximize", "minimize"])
    space = distributions(groups, settings)
    for trial in trials:
        values = [trial.accuracy, trial.cost]
        study.add_trial(create_trial(params=trial.shares, distributions=space, values=values))
    return study


def distributions(groups: Sequence[str], settings: SearchSettings) -> dict[str, Any]:
    from optuna.distributions import FloatDistribution

    most = GRAIN * round(settings.most / GRAIN)
    return {name: FloatDistribution(0.0, max(most, GRAIN), step=GRAIN) for name in groups}


def front(trials: Sequence[Trial]) -> list[int]:
    """Numbers of the trials that no other beats in accuracy and cost, the cheapest first; of equal ones the first."""
    best, found = -1.0, []
    for number in sorted(range(len(trials)), key=lambda n: (trials[n].cost, -trials[n].accuracy)):
        if trials[number].accuracy > best:
            best = trials[number].accuracy
            found.append(number)
    return found


def record(trials: Sequence[Trial], settings: SearchSettings, dense: Mapping[str, float]) -> dict[str, Any]:
    """What pages read: every trial and which lie on the Pareto front. `dense`: accuracy and cost of the whole network."""
    uniform = sum(share <= settings.most for share in START)
    return {
        "cost": settings.cost,
        "images": settings.images,
        "epochs": settings.epochs,
        "dense": dense,
        "uniform": list(range(min(uniform, len(trials)))),
        "front": front(trials),
        "trials": [asdict(trial) for trial in trials],
    }


def recorded(found: Mapping[str, Any] | None) -> list[Trial]:
    """The trials of an earlier attempt's record."""
    return [Trial(**trial) for trial in (found or {}).get("trials", [])]
