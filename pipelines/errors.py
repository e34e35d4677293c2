"""Errors that a user can mend."""


class DataError(ValueError):
    """Something is wrong with the data.

    The message is one line: the file or folder, what is wrong with it, and what mends it.
    """
