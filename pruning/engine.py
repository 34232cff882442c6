"""What each kind of job is done by."""

from collections.abc import Callable, Mapping
from typing import Any

from pruning.errors import UserError
from pruning.kinds import audit, evaluation, look, mask, prune, scan, search, small, timing, train
from pruning.report import Report
from pruning.run import Run
from pruning.spec import Spec

KINDS: Mapping[str, Callable[[Any, Run, Report], None]] = {
    "train": train.train,
    "prune": prune.prune_and_tune,
    "finetune": train.finetune,
    "mask": mask.mask,
    "scan": scan.scan,
    "search": search.look,
    "audit": audit.audit,
    "inspect": small.inspect,
    "prepare": small.prepare,
    "score": small.score,
    "latency": timing.latency,
    "changes": look.compare,
    "look": look.look,
    "evaluate": evaluation.evaluate,
}


def execute(spec: Spec, run: Run, report: Report) -> None:
    """Do a job and leave its artifacts in `run`. Raises UserError, VerifyError, and what `report` raises to stop it."""
    if run.result.exists():
        return
    if spec.kind not in KINDS:
        raise UserError(f"A {spec.kind} is many jobs, not one.", do="Submit the runs it consists of.")
    KINDS[spec.kind](spec, run, report)
