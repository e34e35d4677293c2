"""Opens pages in a real browser, at several widths at once, and measures what is seen."""

import html
import json
import re
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",  # for root, as whom CI runs
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    "--enable-logging=stderr",
    "--v=0",
    "--dump-dom",
)
OPENED = "the pages are open"
# Shows each page in a frame of each width, and writes down what lies where: boxes of what is drawn, and of what is
# wider than the frame. What it says to the console tells whether the console is heard.
MEASURE = """
<!doctype html>
<title>pages</title>
<pre id="measured"></pre>
<script>
const views = %s;
let left = views.length;
for (const view of views) {
  const frame = document.createElement("iframe");
  Object.assign(frame, {width: view.width, height: 2000, src: view.page});
  frame.onload = () => {
    const page = frame.contentDocument;
    const box = (element) => element.getBoundingClientRect();
    view.shown = page.documentElement.clientWidth;
    view.needed = page.documentElement.scrollWidth;
    view.figures = [...page.querySelectorAll("figure > svg")].map((svg) => ({
      name: svg.parentElement.id, width: box(svg).width, height: box(svg).height}));
    view.images = [...page.querySelectorAll("image")].map((image) => box(image).width);
    view.marks = page.querySelectorAll(".dots > *").length;
    view.wide = [...page.querySelectorAll("body *")]
      .filter((element) => box(element).right > view.shown + 1)
      .map((element) => element.outerHTML.slice(0, 80));
    view.font = frame.contentWindow.getComputedStyle(page.body).fontVariantNumeric;
    if (!--left) {
      document.getElementById("measured").textContent = JSON.stringify(views);
      console.log("%s");
    }
  };
  document.body.append(frame);
}
</script>
"""


def find_browser():
    """The browser's path; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    return found


def measure(pages, widths, folder):
    """What a browser makes of pages.

    Args:
        pages: paths of HTML files.
        widths: of the screens, in CSS pixels.
        folder: an empty one to work in.

    Returns:
        One dict for each page and width, as `MEASURE` fills them, and the lines on the console.
    """
    views = [{"page": path.as_uri(), "width": width} for path in pages for width in widths]
    wrapper = folder / "pages.html"
    wrapper.write_text(MEASURE % (json.dumps(views), OPENED))
    run = subprocess.run(
        [find_browser(), *OPTIONS, f"--user-data-dir={folder / 'profile'}", wrapper.as_uri()],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    measured = re.search(r'<pre id="measured">(.+?)</pre>', run.stdout, re.DOTALL)
    console = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    assert measured, (run.stdout[:500], console)
    return json.loads(html.unescape(measured[1])), console
