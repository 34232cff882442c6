"""The errors that a user is meant to read: what happened, why, and what to do."""


class UserError(ValueError):
    """Bad input, told in one sentence; `do` is the advice shown under it. Never retried."""

    def __init__(self, message: str, *, do: str = "") -> None:
        super().__init__(message)
        self.do = do


class Cancelled(Exception):
    """Raised inside a job by `report` when the user asked to stop it."""


class Fenced(Exception):
    """Raised inside a worker whose attempt number is no longer the current one: it must write nothing more."""
