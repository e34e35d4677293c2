"""The synthetic CT phantom."""

from pipelines.layouts.phantom.phantom import Phantom

__all__ = ["Phantom"]
