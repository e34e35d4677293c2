"""Optional packages, installed by the extras of the distribution."""

import contextlib
from collections.abc import Iterator

DISTRIBUTION = "cafct-keras"


class MissingPackageError(ImportError):
    """An optional package is not installed. The message is one line with the command that installs it."""


@contextlib.contextmanager
def optional(purpose: str, *, extra: str | None = None) -> Iterator[None]:
    """Context for imports of optional packages, which names the one that is missing and how to install it.

    Example:
        >>> with optional("reading NIfTI files", extra="nifti"):
        ...     import nibabel

    Args:
        purpose: what needs the package.
        extra: extra of `cafct-keras` that brings it; None to name the package itself.

    Raises:
        MissingPackageError: the package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "pipelines", "cafct_keras"):
            raise
        install = f'"{DISTRIBUTION}[{extra}]"' if extra else package
        raise MissingPackageError(f"{purpose} needs the package {package}; run: pip install {install}") from error
