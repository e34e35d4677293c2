"""Statistics of a data folder."""

from pipelines.describe.description import PAPER_NOTE, describe, describe_source, table

__all__ = ["PAPER_NOTE", "describe", "describe_source", "table"]
