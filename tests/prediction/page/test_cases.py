import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from cafct_keras.prediction.page import cases as module
from cafct_keras.prediction.page import write_case_page, write_cases_page
from cafct_keras.prediction.page.findings import TIMES
from tests.evaluation.report.reading import Page
from tests.pages.test_pictures import enclosed
from tests.prediction.page.views import arrays, boxes, phantom, view

NAMES = ["a scan", "</article><script>alert(1)</script>", "a & b <i>\n<article", "肝臓 ♥"]


def slices(path):
    """What the script of a page shows, of each case."""
    found = re.findall(r'^<script type="application/json">(.*)</script>$', path.read_text(encoding="utf-8"), re.M)
    return [json.loads(each) for each in found]


def headings(path):
    return re.findall(r"<h2>(.*?)</h2>", path.read_text(encoding="utf-8"), re.S)


def decoded(uri):
    head, data = uri.split(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "case.html"
    write_case_page(phantom(), path)
    return path


def test_a_page_shows_every_slice_with_its_outlines(page):
    shown, (content,) = phantom(), slices(page)
    assert len(content["images"]) == len(shown) == 10
    assert content["names"] == list(shown.case.slice_names)
    for index, picture in enumerate(content["images"]):
        grey = shown.grey(index).astype(int)
        assert np.abs(decoded(picture) - grey).mean() < 4
        for target in shown.masks:
            mask = shown.mask(target, index)
            assert np.array_equal(enclosed(content["outlines"][target][index], mask.shape), mask)
            assert content["areas"][target][index] == np.count_nonzero(mask)
    assert (content["height"], content["width"], content["stretch"]) == (96, 96, 1)
    assert content["ends"] == ["head", "feet"]


def test_a_page_states_the_measurements(page):
    text, measured = Page(page).text, phantom().measurements
    assert f"Liver {measured.liver_ml:,.1f} ml" in text
    assert f"Lesions {measured.lesion_count}, {measured.lesion_ml:,.1f} ml" in text
    assert f"Tumour burden {100 * measured.tumour_burden:.1f} %" in text
    rows = [row for row in Page(page).cells if row and row[0].isdigit()]
    assert len(rows) == measured.lesion_count
    for (number, where, axes, volume, mean), lesion in zip(rows, measured.lesions, strict=True):
        assert int(number) == lesion.number
        assert int(where) == lesion.axis_slice + 1
        assert axes == f"{lesion.longest_axis_mm:.0f} {TIMES} {lesion.short_axis_mm:.0f} mm"
        assert volume == f"{lesion.volume_ml:.1f}"
        assert mean == f"{lesion.mean_hu:.0f}"
    assert "\N{MINUS SIGN}160 to 240 HU" in text


def test_a_page_without_a_scale_counts_pixels(tmp_path):
    images, masks = arrays()
    write_case_page(view(np.uint8(images % 256), masks, spacing=None, orientation=None), tmp_path / "page.html")
    text, (content,) = Page(tmp_path / "page.html").text, slices(tmp_path / "page.html")
    assert "Liver 4,320 pixels Lesions 2, 192 pixels Tumour burden 4.4 %" in text
    assert "HU" not in text
    assert " mm" not in text
    assert content["sides"] == {}
    assert content["ends"] == ["", ""]


def test_a_page_warns(tmp_path):
    write_case_page(boxes(warnings=["gantry < 5", "orientation unknown"]), tmp_path / "page.html")
    assert "gantry < 5 orientation unknown" in Page(tmp_path / "page.html").text


def test_large_slices_are_reduced_and_their_outlines_are_not(tmp_path):
    images, masks = np.zeros((2, 600, 900), np.int16), {"liver": np.zeros((2, 600, 900), bool)}
    masks["liver"][1, 301:303, 501:505] = True
    write_case_page(view(images, masks), tmp_path / "page.html")
    (content,) = slices(tmp_path / "page.html")
    assert decoded(content["images"][0]).shape == (256, 384)
    assert np.array_equal(enclosed(content["outlines"]["liver"][1], (600, 900)), masks["liver"][1])
    assert content["box"][2:] == [64, 64]


def test_pages_are_alone(page, tmp_path):
    write_cases_page([page, page], tmp_path / "cases.html")
    for path in (page, tmp_path / "cases.html"):
        text = path.read_text(encoding="utf-8")
        assert "default-src 'none'" in text
        assert set(re.findall(r"https?:[^\"]*", text)) == {"http://www.w3.org/2000/svg"}
        assert Page(path).links == ["data:,"]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_only_text(name, tmp_path):
    write_case_page(boxes(name=name), tmp_path / "one.html")
    write_case_page(boxes(name="another"), tmp_path / "two.html")
    write_cases_page([tmp_path / "one.html", tmp_path / "two.html"], tmp_path / "cases.html")
    page = Page(tmp_path / "cases.html")
    assert " ".join(name.split()) in page.text
    assert page.tags.count("article") == page.tags.count("h2") == 2
    assert [content["names"][0] for content in slices(tmp_path / "cases.html")] == [f"{name} 0", "another 0"]


def test_a_name_that_is_not_utf8(tmp_path):
    write_case_page(boxes(name="caf\udce9"), tmp_path / "page.html")
    assert headings(tmp_path / "page.html") == ["caf\\udce9"]


def test_cases_are_put_together_in_order(tmp_path):
    paths = [tmp_path / f"{name}.html" for name in "bca"]
    for path in paths:
        write_case_page(boxes(name=path.stem), path)
    write_cases_page(paths, tmp_path / "cases.html")
    assert headings(tmp_path / "cases.html") == ["b", "c", "a"]
    assert slices(tmp_path / "cases.html") == [slices(path)[0] for path in paths]
    written = (tmp_path / "cases.html").read_bytes(), paths[0].read_bytes()
    write_case_page(boxes(name="b"), paths[0])
    write_cases_page(paths, tmp_path / "cases.html")
    assert ((tmp_path / "cases.html").read_bytes(), paths[0].read_bytes()) == written
    write_cases_page([], tmp_path / "none.html")
    assert headings(tmp_path / "none.html") == []


def test_too_much_for_one_page_is_linked_to(tmp_path, monkeypatch):
    (tmp_path / "pages").mkdir()
    paths = [tmp_path / "pages" / f"{name}.html" for name in ("first #1", "second")]
    for path in paths:
        write_case_page(boxes(name=path.stem), path)
    size = sum(path.stat().st_size for path in paths)
    monkeypatch.setattr(module, "LARGEST", size)
    write_cases_page(paths, tmp_path / "cases.html")
    assert len(slices(tmp_path / "cases.html")) == 2
    monkeypatch.setattr(module, "LARGEST", size - 1)
    write_cases_page(paths, tmp_path / "cases.html")
    page = Page(tmp_path / "cases.html")
    assert slices(tmp_path / "cases.html") == []
    assert page.links[1:] == ["pages/first%20%231.html", "pages/second.html"]
    assert headings(tmp_path / "cases.html") == ["first #1", "second"]
    assert page.text.count("Tumour burden") == 2
    assert (tmp_path / "cases.html").stat().st_size < size / 3
