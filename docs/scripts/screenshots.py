"""Pictures of the console and of pages, made by running the commands that they show: `docs/screenshots`.

    cafct-keras fit
    python docs/scripts/screenshots.py runs/phantom-lesion-1

takes a minute on 2 CPU cores and needs the extras `nifti` and `report`, and Chromium.
"""

import argparse
import fcntl
import html
import io
import os
import pathlib
import pty
import re
import shutil
import struct
import subprocess
import tempfile
import termios

from PIL import Image
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

OUT = pathlib.Path(__file__).parents[1] / "screenshots"
COLUMNS = 110
RUN = "runs/phantom-lesion-1"
# Name of a picture to its command; those of no name prepare others.
COMMANDS = (
    ("", "cafct-keras data phantom --layout nifti --cases 3 --out synthetic"),
    ("predict", f"cafct-keras predict {RUN} --input synthetic --out masks --page --measurements --engine keras"),
    ("evaluate", f"cafct-keras evaluate {RUN} --out report"),
)
# Name of a picture to the page that it shows, wide by day and as narrow as a phone by night.
PAGES = {"cases": "masks/cases.html", "report": "report/report.html"}
WIDE, NARROW, HEIGHT = 1400, 390, 1000
# Lines of `--quiet` in the place of the bar, which disappears when it is full.
PROGRESS = re.compile(r"^.*: [^:]+, \d+ s, \d+ s left\n", re.MULTILINE)
# Rich's own, without the font that it loads from elsewhere.
SVG = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace("Fira Code", "ui-monospace")


def main() -> None:
    """Makes all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="run folder that `cafct-keras fit` has written")
    run = pathlib.Path(parser.parse_args().run).resolve()
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shutil.copytree(run, folder / RUN)
        for picture, command in COMMANDS:
            shown = on_terminal([*command.split(), *(["--quiet"] if picture else [])], folder)
            if picture:
                (OUT / f"{picture}.svg").write_text(svg(f"$ {command}\n{PROGRESS.sub('', shown)}"), encoding="utf-8")
        for picture, page in PAGES.items():
            screenshot(folder / page, OUT / f"{picture}.png")


def on_terminal(command: list[str], folder: pathlib.Path) -> str:
    """What a command prints on a terminal.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(command, cwd=folder, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        parts = []
        try:
            while part := os.read(ours, 1 << 16):
                parts.append(part)
        except OSError:  # the command has closed its end
            pass
    os.close(ours)
    text = b"".join(parts).decode().replace("\r\n", "\n")
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, text)
    return text.rstrip()


def svg(output: str) -> str:
    """A picture of a terminal, from text with ANSI colours."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(output))
    return console.export_svg(title="cafct-keras", code_format=SVG)


def screenshot(page: pathlib.Path, picture: pathlib.Path) -> None:
    """A page on a wide screen, and beside it on a phone in dark mode."""
    browser = shutil.which("chromium") or shutil.which("google-chrome") or "chromium-browser"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shots = []
        for width, scheme in ((WIDE, 1), (NARROW, 0)):
            # In a frame, since the browser's own window has a least width.
            frame = folder / "frame.html"
            size = f'width="{width}" height="{HEIGHT}" frameborder="0"'
            frame.write_text(f'<body style="margin: 0"><iframe src="{html.escape(page.as_uri())}" {size}></iframe>')
            shot = folder / f"{width}.png"
            subprocess.run(
                [
                    *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
                    *("--allow-file-access-from-files", "--virtual-time-budget=5000"),
                    *(f"--blink-settings=preferredColorScheme={scheme}", f"--window-size={WIDE},{HEIGHT}"),
                    *(f"--screenshot={shot}", frame.as_uri()),
                ],
                stderr=subprocess.DEVNULL,
                check=True,
            )
            shots.append(Image.open(shot).convert("RGB").crop((0, 0, width, HEIGHT)))
    both = Image.new("RGB", (WIDE + NARROW + 20, HEIGHT), "#888")
    both.paste(shots[0], (0, 0))
    both.paste(shots[1], (WIDE + 20, 0))
    both.quantize(128, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    main()
