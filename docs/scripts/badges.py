"""Badges of the README, from what the package states: `python docs/scripts/badges.py` writes docs/assets/badges.

They are files of the repository, so that they need no other host and cannot claim what a service does not know.
"""

import pathlib
import re
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BADGES = ROOT / "docs" / "assets" / "badges"
WIDTH, PADDING = 6.4, 8  # of a character of 11 pixels, and beside a text


def badges() -> dict[str, str]:
    """Name of each file, and its SVG."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    python = [each.rpartition(" :: ")[2] for each in project["classifiers"] if re.search(r":: \d\.\d+$", each)]
    startup = (ROOT / "cafct_keras" / "runtime" / "backend.py").read_text(encoding="utf-8")
    backends = re.findall(r'"(\w+)"', re.search(r"^BACKENDS = (.*)$", startup, re.MULTILINE)[1])
    keras = next(each for each in project["dependencies"] if each.startswith("keras>="))
    return {
        "python.svg": _badge("Python", " | ".join(python), "#3572a5"),
        "keras.svg": _badge("Keras", keras.partition(">=")[2] + " or later", "#b00020"),
        "backends.svg": _badge("backends", " | ".join(backends), "#00796b"),
        "license.svg": _badge("license", project["license"], "#5d6d7e"),
    }


def _badge(name: str, value: str, color: str) -> str:
    first, second = (round(len(text) * WIDTH) + 2 * PADDING for text in (name, value))
    texts = "".join(
        f'<text x="{x}" y="14" textLength="{width - 2 * PADDING}" lengthAdjust="spacingAndGlyphs">{text}</text>'
        for text, x, width in ((name, PADDING, first), (value, first + PADDING, second))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{first + second}" height="20" role="img">\n'
        f"<title>{name}: {value}</title>\n"
        f'<clipPath id="round"><rect width="{first + second}" height="20" rx="3"/></clipPath>\n'
        f'<g clip-path="url(#round)"><rect width="{first}" height="20" fill="#444"/>'
        f'<rect x="{first}" width="{second}" height="20" fill="{color}"/></g>\n'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{texts}</g>\n'
        "</svg>\n"
    )


if __name__ == "__main__":
    BADGES.mkdir(exist_ok=True)
    for file, content in badges().items():
        (BADGES / file).write_text(content, encoding="utf-8", newline="\n")
