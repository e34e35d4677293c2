"""The page of cases in a real browser, with the keys, the wheel and the fingers of a user."""

import time

import numpy as np
import pytest

from cafct_keras.prediction.page import cases as module
from cafct_keras.prediction.page import write_case_page, write_cases_page
from tests.prediction.page.devtools import PATIENCE, Tab
from tests.prediction.page.views import arrays, boxes, phantom, view

PHONE, SCREEN = 390, 1400
LONG = "a_very_long_name_without_a_single_space_" * 3


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    tab = Tab(tmp_path_factory.mktemp("browser"))
    yield tab
    tab.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Pages of a volume of both targets, a slice that lies as it is, a volume of which nothing was found, a phantom."""
    folder = tmp_path_factory.mktemp("pages")
    images, masks = arrays()
    single = view(images[3:4], {"liver": masks["liver"][3:4]}, name=LONG, spacing=None, orientation=None)
    nothing = view(images, {"liver": np.zeros_like(masks["liver"])}, name="nothing")
    for index, shown in enumerate((boxes(), single, nothing, phantom())):
        write_case_page(shown, folder / f"{index}.html")
    return [folder / f"{index}.html" for index in range(4)]


@pytest.fixture(scope="module")
def page(pages):
    write_cases_page(pages, pages[0].with_name("cases.html"))
    return pages[0].with_name("cases.html")


@pytest.fixture(autouse=True)
def _silent(tab):
    """Nothing is said on the console, and nothing is asked for but the page."""
    tab.console.clear(), tab.requests.clear()
    yield
    assert tab.console == []
    (address,) = {address for address in tab.requests if not address.startswith("data:") and address != "about:blank"}
    assert address.startswith("file:")


def where(tab):
    return tab.get("document.querySelector('#slice').ariaLabel")


def wait(tab, condition):
    end = time.monotonic() + PATIENCE
    while not tab.get(condition):
        assert time.monotonic() < end, condition


def index(tab):
    """The slice that is shown, by the slider and by the picture."""
    number, picture = tab.get("[+document.querySelector('#index').value, document.querySelector('#slice img').src]")
    images = tab.get("shown.images")
    assert images[number] == picture
    return number


def path(tab, target):
    return tab.get(f"document.querySelector('#slice path[data-target={target}]').getAttribute('d')")


def edges(tab, selector):
    """Left, top, right and bottom of an element on the screen."""
    rectangle = tab.get(f"document.querySelector('{selector}').getBoundingClientRect().toJSON()")
    return np.array([rectangle[side] for side in ("left", "top", "right", "bottom")])


def outlined(tab, target):
    """The edges of a target's outline, as fractions of the picture."""
    picture = edges(tab, "#slice img")
    placed = edges(tab, f"#slice path[data-target={target}]") - np.tile(picture[:2], 2)
    return placed / np.tile(picture[2:] - picture[:2], 2)


def width_of(tab, selector):
    left, _, right, _ = edges(tab, selector)
    return right - left


@pytest.mark.parametrize("width", [PHONE, SCREEN])
@pytest.mark.parametrize("dark", [False, True])
def test_every_case_fits_the_screen(tab, page, width, dark):
    tab.screen(width, touch=width == PHONE, dark=dark)
    tab.open(page)
    assert tab.get("matchMedia('(prefers-color-scheme: dark)').matches") == dark
    light = tab.get("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light != dark
    for number, name in enumerate(("a scan", LONG, "nothing", "a scan"), 1):
        assert tab.get("[...document.querySelectorAll('article:not([hidden]) h2')].map((e) => e.textContent)") == [name]
        assert tab.get("document.documentElement.scrollWidth") <= width
        rights = tab.get("[...document.querySelectorAll('main *')].map((e) => e.getBoundingClientRect().right)")
        assert max(rights) <= width + 1
        assert tab.get("((list) => list.scrollWidth <= list.clientWidth)(document.querySelector('#list ol'))")
        _, _, wide, high = tab.box("#stage")
        assert wide > 0.85 * width if width == PHONE else wide > 400
        assert np.isclose(wide / high, tab.get("shown.width / shown.height"), atol=0.02)
        if width == SCREEN:  # the controls are seen without scrolling
            assert edges(tab, "#controls")[3] <= tab.get("innerHeight")
        tab.press("n")
        assert tab.get("location.hash") == f"#{min(number + 1, 4)}"


def test_keys(tab, page):
    tab.screen(SCREEN)
    tab.open(page)
    assert index(tab) == 5  # the slice with the most of the lesions
    assert where(tab) == "Slice 6 of 9: liver and lesion"
    for key, expected in [("ArrowUp", 6), ("ArrowRight", 7), ("ArrowDown", 6), ("ArrowLeft", 5), ("PageUp", 8),
                          ("ArrowUp", 8), ("PageDown", 0), ("ArrowDown", 0), ("End", 8), ("Home", 0)]:  # fmt: skip
        tab.press(key)
        assert index(tab) == expected, key
    assert where(tab) == "Slice 1 of 9: nothing found"
    tab.press("n")
    assert where(tab) == f"Slice {LONG} 0: liver"
    tab.press("ArrowUp")  # of a single slice the next one is the next case
    assert where(tab).endswith("nothing found")
    tab.press("p"), tab.press("p")
    assert index(tab) == 5
    tab.press("P", modifiers=8), tab.press("n", modifiers=2)  # no case before; Ctrl+N is the browser's
    assert tab.get("current") == 0


def test_outlines_on_and_off(tab, page):
    tab.screen(SCREEN)
    tab.open(page)
    for target, (left, top, right, bottom) in {"liver": (4, 6, 34, 30), "lesion": (8, 10, 18, 16)}.items():
        assert np.allclose(outlined(tab, target), np.array([left / 52, top / 40, right / 52, bottom / 40]), atol=2e-3)
    colors = tab.get("[...document.querySelectorAll('#slice path')].map((each) => getComputedStyle(each).stroke)")
    assert colors == ["rgb(76, 195, 255)", "rgb(255, 166, 43)"]
    tab.press("o")
    assert path(tab, "liver") == path(tab, "lesion") == ""
    tab.press("ArrowUp")
    assert path(tab, "liver") == ""
    tab.press("o")
    assert path(tab, "liver")
    assert path(tab, "lesion")
    tab.click("#targets label:nth-child(1) input")
    assert path(tab, "liver") == ""
    assert path(tab, "lesion")
    tab.press("n")  # the choice holds for other cases
    assert path(tab, "liver") == ""
    tab.click("#targets label:nth-child(1) input")
    assert path(tab, "liver")


def test_zoom(tab, tmp_path):
    tab.screen(SCREEN)
    images, lesion = np.zeros((3, 200, 300), np.int16), np.zeros((3, 200, 300), bool)
    lesion[1, 150:160, 240:260] = True
    write_case_page(view(images, {"lesion": lesion}), tmp_path / "page.html")
    tab.open(tmp_path / "page.html")
    whole, place = width_of(tab, "#slice img"), np.array([240 / 300, 150 / 200, 260 / 300, 160 / 200])
    assert np.allclose(outlined(tab, "lesion"), place, atol=1e-3)
    tab.press("z")
    # 64 pixels of 200 fill the height; the outline stays in its place on the picture, and in sight.
    assert np.isclose(width_of(tab, "#slice img"), whole * 200 / 64, rtol=0.01)
    assert np.allclose(outlined(tab, "lesion"), place, atol=1e-3)
    inside = edges(tab, "#slice path") - edges(tab, "#stage")
    assert (inside * (1, 1, -1, -1) > 50).all()
    tab.click("#zoom")
    assert np.isclose(width_of(tab, "#slice img"), whole)


def test_wheel_and_mouse(tab, page):
    tab.screen(SCREEN)
    tab.open(page)
    left, top, width, height = tab.box("#stage")
    x, y = left + width / 2, top + height / 2
    for turn, expected in ((-120, 6), (-120, 7), (120, 6)):
        tab.mouse("mouseWheel", x, y, deltaX=0, deltaY=turn)
        assert index(tab) == expected
    for _ in range(10):  # a touchpad
        tab.mouse("mouseWheel", x, y, deltaX=0, deltaY=5)
    assert index(tab) == 4
    assert tab.get("scrollY") == 0
    tab.mouse("mousePressed", x, y, button="left", clickCount=1)
    tab.mouse("mouseMoved", x, y - 60, button="left", buttons=1)
    assert index(tab) == 7
    tab.mouse("mouseReleased", x, y - 60, button="left", clickCount=1)
    tab.mouse("mouseMoved", x, y, buttons=0)
    assert index(tab) == 7
    tab.click("#down")
    assert index(tab) == 6
    tab.click("#up")
    assert index(tab) == 7
    x, y, width, height = tab.box("#index")
    for kind in ("mousePressed", "mouseReleased"):
        tab.mouse(kind, x + 3, y + height / 2, button="left", clickCount=1)
    assert index(tab) == 0


def test_fingers(tab, page):
    tab.screen(PHONE, 600, touch=True)
    tab.open(page)
    x, y, _, height = tab.box("#stage")
    tab.swipe(x + 100, y + height / 2, x + 160, y + height / 2)
    assert index(tab) == 8
    tab.swipe(x + 300, y + height / 2, x + 260, y + height / 2)
    assert index(tab) == 6
    assert tab.get("scrollY") == 0
    tab.swipe(x + 100, y + 200, x + 100, y + 20, steps=20)  # up and down scrolls the page
    assert tab.get("scrollY") > 50
    assert index(tab) == 6


def test_lists_of_cases_and_lesions(tab, page):
    tab.screen(PHONE, touch=True)
    tab.open(page, "#4")
    assert tab.get("document.querySelector('#list').open") is False
    lesions = phantom().measurements.lesions
    assert tab.get("document.querySelectorAll('article:not([hidden]) button').length") == len(lesions) > 1
    tab.click(f"article:not([hidden]) tr:nth-child({len(lesions)}) button")
    assert index(tab) == lesions[-1].axis_slice
    tab.click("#list summary")
    tab.click("#list li:nth-child(3) a")
    assert tab.get("location.hash") == "#3"
    assert tab.get("document.querySelector('#list').open") is False
    assert tab.get("[...document.querySelectorAll('#list [aria-current]')].map((each) => each.hash)") == ["#3"]
    assert where(tab) == "Slice 5 of 9: nothing found"
    tab.get("history.back()")
    wait(tab, "current === 3")
    tab.screen(SCREEN)
    tab.open(page, "#99")
    assert tab.get("current") == 3
    assert tab.get("document.querySelector('#list').open") is True


def test_everything_has_a_name_to_read_aloud(tab, page):
    tab.screen(SCREEN)
    tab.open(page)
    tree = tab.send("Accessibility.getFullAXTree")["nodes"]
    named = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
    widgets = [each for each in named if each[0] in ("button", "checkbox", "slider", "link", "image")]
    assert all(name for _, name in widgets), widgets
    assert ("slider", "Slice") in widgets
    assert ("image", "Slice 6 of 9: liver and lesion") in widgets
    assert {"Outlines", "liver", "lesion", "Zoom"} <= {name for role, name in widgets if role == "checkbox"}
    assert (
        tab.get("document.querySelector('#index').getAttribute('aria-valuetext')") == "Slice 6 of 9: liver and lesion"
    )


def test_a_list_of_linked_pages(tab, pages, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 1)
    linked = pages[0].with_name("linked.html")
    write_cases_page(pages, linked)
    for width in (PHONE, SCREEN):
        tab.screen(width)
        tab.requests.clear()
        tab.open(linked)
        assert tab.get("document.documentElement.scrollWidth") <= width
    tab.requests.clear()
    tab.follow("article:nth-of-type(2) a")
    assert tab.get("document.title") == LONG
    assert tab.get("shown.images.length") == 1
