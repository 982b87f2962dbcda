"""What can go wrong between a person and the cluster: one sentence with what, why, what to do."""

from typing import ClassVar, Final

OK: Final = 0
FAILED: Final = 1
NOT_ASKED: Final = 2
TIMED_OUT: Final = 3
INTERRUPTED: Final = 130


class CommandError(Exception):
    """A command that ends early; the message is for people."""

    exit_code: ClassVar[int] = NOT_ASKED


class NotFoundError(CommandError):
    """What was asked about is not there."""


class DeniedError(CommandError):
    """The API server does not know the user, or does not let them."""


class RefusedError(CommandError):
    """The API server understood and refused."""


class UnreachableError(CommandError):
    """No answer from the API server, or none of use."""


class NoClusterError(CommandError):
    """No kubeconfig tells where the cluster is."""


class UsageError(CommandError):
    """An option has a value that makes no sense."""


class TimedOutError(CommandError):
    """It did not happen in the time given."""

    exit_code: ClassVar[int] = TIMED_OUT
