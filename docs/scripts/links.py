"""Links between pages of the site and files of the repository."""

import pathlib
import posixpath
import re
from collections.abc import Callable, Iterator

from pymdownx.slugs import slugify

ROOT = pathlib.Path(__file__).parents[2]
# Files of the repository that are pages of the site, too.
PAGES = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
    "docs/tutorials/notebook.ipynb": "tutorials/notebook.md",
}
OTHERS = (
    *("README.md", "SECURITY.md", ".github/**/*.md", "benchmarks/*/*.md"),  # of Markdown, whose links no build checks
    *("cafct_keras/**/*.py", "cafct_keras/**/*.toml", "pipelines/**/*.py", "tests/**/*.py", "benchmarks/**/*.py"),
    *("benchmarks/**/*.toml", "pyproject.toml", ".ci/*"),
)
LINK = re.compile(r"(\]\()([^()\s]+)(\))")
FENCE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n.*?^\1`*$", re.MULTILINE | re.DOTALL)
PATH = re.compile(
    r"(?<![\w/.<-])(?:docs|benchmarks|tests|cafct_keras|pipelines)/[\w/.-]+\.(?:md|py|json|toml|png|html)\b"
)
slug = slugify(case="lower")  # as GitHub has them


def source_of(page: str) -> str:
    """File of the repository that a page is made of."""
    return next((source for source, name in PAGES.items() if name == page), f"docs/{page}")


def rewritten(markdown: str, page: str, repository: str) -> tuple[str, list[str]]:
    """Points links that leave `docs/` to pages of the site or, for files that are none, to the repository.

    Args:
        markdown: text of the page.
        page: its path in the site.
        repository: address of the repository.

    Returns:
        The text, and what is wrong with its links.
    """
    source, problems = source_of(page), []

    def replace(link: re.Match[str]) -> str:
        target, _, anchor = link[2].partition("#")
        if ":" in target or not target:
            return link[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if path.startswith("docs/") or path in PAGES:
            path = PAGES.get(path, path.removeprefix("docs/"))
            place = posixpath.relpath(path, posixpath.dirname(page) or ".")
        else:
            problems.extend(_problem(path, anchor))
            place = f"{repository}/{path}"
        return f"{link[1]}{place}{'#' * bool(anchor)}{anchor}{link[3]}"

    return _outside_fences(markdown, lambda text: LINK.sub(replace, text)), problems


def other_files() -> Iterator[tuple[str, str]]:
    """Path and text of the files that are no pages and may name some."""
    for file in sorted({file for pattern in OTHERS for file in ROOT.glob(pattern) if file.is_file()}):
        yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")


def problems_of(source: str, text: str) -> Iterator[str]:
    """What is wrong with the links of a Markdown file that is no page, or with the paths of pages in another file.

    Args:
        source: path of the file in the repository.
        text: the file.
    """
    if not source.endswith(".md"):
        yield from missing_paths(text, "docs/")
        return
    yield from missing_paths(text)
    for link in LINK.finditer(FENCE.sub("", text)):
        target, _, anchor = link[2].partition("#")
        if ":" not in target:
            path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target)) if target else source
            yield from _problem(path, anchor)


def missing_paths(text: str, folder: str = "") -> Iterator[str]:
    """Paths of the repository that a text names and that are not there.

    Args:
        text: of a page or a module.
        folder: only paths that begin with it.
    """
    for path in sorted(set(PATH.findall(text))):
        if path.startswith(folder) and "NAME" not in path and not (ROOT / path).exists():
            yield f"{path}: no such file in the repository"


def _problem(path: str, anchor: str) -> Iterator[str]:
    """What is wrong with a link to a file of the repository."""
    if not (ROOT / path).exists():
        yield f"link to {path}: no such file"
    elif anchor and anchor not in anchors((ROOT / path).read_text(encoding="utf-8")):
        yield f"link to {path}#{anchor}: no such heading"


def anchors(markdown: str) -> set[str]:
    """Names that links to the headings of a page have."""
    return {
        slug(re.sub(r"[`*]", "", heading), "-")
        for heading in re.findall(r"^#+ +(.+)$", FENCE.sub("", markdown), re.MULTILINE)
    }


def _outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    """Applies a function to what is not in a block of code."""
    parts, place = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [change(markdown[place : fence.start()]), fence[0]]
        place = fence.end()
    return "".join([*parts, change(markdown[place:])])
