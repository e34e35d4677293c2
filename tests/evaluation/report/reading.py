"""Reads a page back."""

import html.parser

VOID = {"meta", "link", "br", "wbr", "img", "input"}


class Page(html.parser.HTMLParser):
    """A page taken apart; whatever is not closed where it was opened is an error.

    Attributes:
        tags: names of all elements.
        ids: of those that have one.
        links: every `href` and `src`.
        text: what is read, with single spaces.
        blocks: text of every element that has an id, by that id.
        cells: text of the cells of every row of a table.
    """

    def __init__(self, path):
        super().__init__()
        self.tags, self.ids, self.links, self.cells = [], [], [], []
        self._open, self._words = [], []
        self.blocks = {}
        source = path.read_text(encoding="utf-8")
        assert source.startswith("<!doctype html>")
        self.feed(source)
        assert not self._open
        self.text = " ".join(self._words)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.links += [value for name, value in attrs.items() if name in ("href", "src")]
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")
        if tag not in VOID:
            self._open.append((tag, attrs.get("id"), len(self._words)))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        opened, name, start = self._open.pop()
        assert opened == tag, f"<{opened}> is closed by </{tag}>"
        if name is not None:
            self.blocks[name] = " ".join(self._words[start:])

    def handle_data(self, data):
        inside = [tag for tag, _, _ in self._open]
        if {"style", "script"} & set(inside):
            return
        self._words += data.split()
        if {"td", "th"} & set(inside):
            self.cells[-1][-1] = " ".join([self.cells[-1][-1], *data.split()]).strip()
