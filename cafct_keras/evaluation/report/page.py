"""From document to page."""

import pathlib
from collections.abc import Sequence

import jinja2

from cafct_keras.evaluation.overlap import RULES
from cafct_keras.evaluation.report.picture import Picture


def write_report(document: dict, pictures: Sequence[Picture], path: str | pathlib.Path) -> None:
    """Writes one self-contained HTML file.

    Args:
        document: what `evaluation.json` holds.
        pictures: slices to show, in the order of their kinds' galleries.
        path: of the file; one that is there already is replaced.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html").render(document=document, pictures=pictures, rules=RULES)
    pathlib.Path(path).write_text(page, encoding="utf-8")
