"""Errors that a user can mend."""


class UserError(ValueError):
    """A mistake in what was asked for.

    The message is one line: the file or option, what is wrong with it, and what mends it.

    Attributes:
        exit_code: of the command line.
    """

    exit_code = 1
