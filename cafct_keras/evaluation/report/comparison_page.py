"""Writing of `comparison.html`."""

import pathlib
from typing import Any

from cafct_keras.evaluation.report.method_charts import differences, means
from cafct_keras.evaluation.report.page import report_environment
from cafct_keras.evaluation.results.methods import headline
from pipelines.atomic import atomic_write_text


def write_comparison_page(document: dict[str, Any], path: str | pathlib.Path) -> None:
    """Writes one self-contained HTML file, without network access or scripts.

    Args:
        document: what `comparison.json` holds, see `MethodComparison`.
        path: of the file, which is replaced if it exists.
    """
    template = report_environment().get_template("comparison.html")
    page = template.render(document=document, headline=headline, means=means, differences=differences)
    atomic_write_text(path, page)
