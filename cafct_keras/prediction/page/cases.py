"""Pages of cases: one of each, and `cases.html`, which is put together of them."""

import os
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from PIL import Image

from cafct_keras.pages.environment import environment
from cafct_keras.pages.pictures import data_uri, path_data
from cafct_keras.prediction.page.findings import about, diameters, slice_of, summary
from cafct_keras.prediction.page.view import COLORS, ScanView
from pipelines.atomic import atomic_write

SIDE = 384  # most pixels along a side of a picture; outlines keep the resolution of the masks
QUALITY = 60  # of JPEG
LARGEST = 64 << 20  # bytes of all cases in one page; with more, a browser takes seconds to open it
_BEGIN, _SLICES, _END = "<article", "<script", "</article>"  # of the template's lines


def write_case_page(view: ScanView, path: str | Path) -> None:
    """Writes a page of one case: a single HTML file, without network access.

    Equal cases give equal files.

    Args:
        view: the case.
        path: of the file, which is replaced if it exists.
    """
    template = environment(__package__).get_template("case.html")
    article = template.render(
        view=view, data=_slices(view), summary=summary(view), about=about(view), diameters=diameters, slice_of=slice_of
    )
    _write([Markup(article)], path)


def write_cases_page(pages: Sequence[str | Path], path: str | Path) -> None:
    """Makes one page of those of several cases: it shows one of them at a time, and needs no other files.

    Pages that take more than `LARGEST` bytes together are linked to: the page then lists the cases and what was
    measured.

    Args:
        pages: files that `write_case_page` wrote, in the order of the list.
        path: of the file, which is replaced if it exists.
    """
    linked = sum(Path(page).stat().st_size for page in pages) > LARGEST
    links = [os.path.relpath(page, Path(path).parent) if linked else None for page in pages]
    articles = (Markup("".join(_article(Path(page), link))) for page, link in zip(pages, links, strict=True))
    _write(articles, path, linked=linked)


def _write(articles: Iterable[Markup], path: str | Path, *, linked: bool = False) -> None:
    page = environment(__package__).get_template("cases.html").stream(articles=articles, linked=linked, colors=COLORS)
    with atomic_write(path) as temporary:
        # Names of files that are not UTF-8 have characters that cannot be encoded.
        page.dump(str(temporary), encoding="utf-8", errors="replace")


def _article(page: Path, link: str | None) -> Iterator[str]:
    """Lines of a page that show its case, with a link in the place of the slices if there is one."""
    inside = False
    with page.open(encoding="utf-8") as file:
        for line in file:
            inside = inside or line.startswith(_BEGIN)
            if inside and link and line.startswith(_SLICES):
                address = urllib.parse.quote(Path(link).as_posix(), errors="surrogateescape")
                yield f'<p><a href="{address}">Scroll through the slices</a></p>\n'
            elif inside:
                yield line
            if line.startswith(_END):
                return


def _slices(view: ScanView) -> dict[str, Any]:
    """The data of the page's script."""
    (height, width), indices = view.size, range(len(view))
    return {
        "height": height,
        "width": width,
        "stretch": view.stretch,
        "sides": view.sides,
        "ends": ("feet", "head")[:: 1 if view.from_feet else -1] if view.orientation else ("", ""),
        "box": view.box(),
        "names": list(view.case.slice_names),
        "images": [_picture(view, index) for index in indices],
        "outlines": {
            target: [path_data(view.mask(target, index)) for index in range(len(view))] for target in view.masks
        },
        "areas": {target: view.areas(target) for target in view.masks},
    }


def _picture(view: ScanView, index: int) -> str:
    image = Image.fromarray(view.grey(index))
    image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=None)
    return data_uri(image, "JPEG", quality=QUALITY)
