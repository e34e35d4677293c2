"""Errors that a user can fix."""


class DataError(ValueError):
    """Something is wrong with the data.

    The message is one line: the file, folder or argument, what is wrong with it, and how to fix it.
    """
