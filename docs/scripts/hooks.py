"""Hooks of MkDocs: generated parts of pages, pages from files of the repository, and checks of a strict build."""

import logging
import pathlib
import re
from collections.abc import Callable, Iterable

import click_reference
import commands_in_text
import links
import notebooks
import public_names
import schemas
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

log = logging.getLogger("mkdocs.plugins.hooks")  # MkDocs counts its warnings

GENERATED: dict[str, Callable[[], str]] = {
    "command line": click_reference.command_line,
    "recipe": click_reference.recipe,
    "evaluation schema": lambda: schemas.render("evaluation"),
    "comparison schema": lambda: schemas.render("comparison"),
}
MARK = re.compile(r"<!-- generated: ([\w ]+) -->")
# What makes a browser load something from elsewhere when a page opens.
REQUEST = re.compile(
    r'<(?:script|img|iframe)\b[^>]*\bsrc="?https?:|<link\b[^>]*rel="?(?:stylesheet|preconnect|icon)[^>]*https?:'
)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Adds pages for files that readers of the repository look for at their own places."""
    for source, page in links.PAGES.items():
        file = links.ROOT / source
        text = notebooks.as_markdown(file) if file.suffix == ".ipynb" else file.read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fills in what is generated, points links to files of the repository to where they are, and checks commands."""
    source = links.source_of(page.file.src_uri)
    if source != "CHANGELOG.md":  # which names what is no more
        _warn(source, links.missing_paths(markdown))
        _warn(source, commands_in_text.problems(markdown))
    markdown = MARK.sub(lambda mark: GENERATED[mark[1]](), markdown)
    markdown, problems = links.rewritten(markdown, page.file.src_uri, str(config.repo_url))
    _warn(source, problems)
    return markdown


def on_post_build(*, config: MkDocsConfig) -> None:
    """Checks what is not a page, public names without a place, and requests to elsewhere."""
    for source, text in links.other_files():
        _warn(source, links.problems_of(source, text))
        if source.endswith(".md"):
            _warn(source, commands_in_text.problems(text))
    _warn("reference", public_names.problems(set(config.plugins["mkdocstrings"].handlers.inventory)))
    for file in pathlib.Path(config.site_dir).rglob("*.html"):
        _warn(str(file.relative_to(config.site_dir)), REQUEST.findall(file.read_text(encoding="utf-8")))


def _warn(source: str, problems: Iterable[str]) -> None:
    for problem in problems:
        log.warning("%s: %s", source, problem)
