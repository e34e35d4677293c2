"""Errors that a user can fix."""


class UserError(ValueError):
    """A mistake in the arguments or files given.

    The message is one line: the file or argument, what is wrong with it, and how to fix it.

    Attributes:
        exit_code: exit code of the command line.
    """

    exit_code = 1


class RunStoppedError(UserError):
    """A run stopped early and can be resumed; schedulers know its exit code as a temporary failure."""

    exit_code = 75
