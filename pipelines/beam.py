"""Options of Apache Beam's pipelines."""

from collections.abc import Sequence
from typing import Any

from pipelines.optional import optional


def pipeline_options(beam_options: Sequence[str]) -> Any:
    """Beam's `PipelineOptions` from texts such as `"runner=FlinkRunner"` or `"streaming"`.

    Raises:
        MissingPackageError: Beam is not installed.
    """
    with optional("`beam_options`", extra="beam"):
        from apache_beam.options.pipeline_options import PipelineOptions
    return PipelineOptions([f"--{option}" for option in beam_options])
