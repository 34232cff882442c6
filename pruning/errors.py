"""The errors that a user is meant to read: what happened, why, and what to do."""

from collections.abc import Mapping


class UserError(ValueError):
    """Bad input, told in one sentence; `do` is the advice shown under it. Never retried.

    `change`: training settings that would help, by name, for a button that starts again with them.
    """

    def __init__(self, message: str, *, do: str = "", change: Mapping[str, float] | None = None) -> None:
        super().__init__(message)
        self.do = do
        self.change = dict(change or {})


class Cancelled(Exception):
    """Raised inside a job by `report` when the user asked to stop it."""


class Fenced(Exception):
    """Raised inside a worker whose attempt number is no longer the current one: it must write nothing more."""
