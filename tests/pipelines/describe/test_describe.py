import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from pipelines.case import SPLITS, Case
from pipelines.describe import PAPER_NOTE, describe, describe_source, table
from pipelines.describe import figures as drawing
from pipelines.describe.statistics import component_sizes, find_body
from pipelines.errors import DataError
from pipelines.layouts.lits_png.writer import write_lits_png
from pipelines.layouts.nifti.writer import write_nifti
from pipelines.layouts.paired_folder.writer import write_paired_folder
from pipelines.layouts.phantom import Phantom
from pipelines.prepare import prepare
from tests import cli

PHANTOM = Phantom(cases=9, slices=6, size=64)  # the last patient has no lesion


class Made:
    """A source of cases made by hand."""

    layout, intensity, targets, notes = "made", "hu", ("liver", "lesion"), []

    def __init__(self, *cases):
        self._cases = cases

    def cases(self, split=None):
        return iter(self._cases)

    def fingerprint(self):
        return "0" * 64


def case(lesion, liver=None, *, name="a", patient="p", split="train", **options):
    images = np.where(np.indices(lesion.shape)[2] < 8, -1000, 40).astype(np.int16)
    masks = {"liver": lesion if liver is None else liver, "lesion": lesion}
    names = tuple(f"{name}_{k}" for k in range(len(lesion)))
    return Case(name=name, patient=patient, split=split, images=images, masks=masks, slice_names=names, **options)


def ball(shape, spacing, centre, diameter):
    offsets = [(np.arange(n) - c) * s for n, c, s in zip(shape, centre, spacing, strict=True)]
    z, y, x = np.ix_(*offsets)
    return z**2 + y**2 + x**2 <= (diameter / 2) ** 2


@pytest.fixture(scope="module")
def cases():
    return list(PHANTOM.cases())


@pytest.fixture(scope="module")
def described():
    return describe_source(PHANTOM)


@pytest.mark.parametrize("part", [*SPLITS, "all"])
def test_counts_are_those_of_the_cases(cases, described, part):
    chosen = [case for case in cases if part in (case.split, "all")]
    images = np.concatenate([case.images for case in chosen])
    masks = {target: np.concatenate([case.masks[target] for case in chosen]) for target in PHANTOM.targets}
    figures = described["parts"][part]
    assert (figures["cases"], figures["patients"], figures["slices"]) == (len(chosen), len(chosen), len(images))
    assert figures["slices_with"] == {t: mask.any(axis=(1, 2)).sum() for t, mask in masks.items()}
    assert figures["slices_without"] == (~(masks["liver"] | masks["lesion"]).any(axis=(1, 2))).sum()
    assert figures["sizes"] == {"64x64": len(images)}
    lengths = np.array([case.spacing for case in chosen])
    assert list(figures["spacing_mm"].values()) == np.stack([lengths.min(axis=0), lengths.max(axis=0)], axis=1).tolist()
    assert figures["share"] == pytest.approx({target: mask.mean() for target, mask in masks.items()})
    for region, values in {"image": images, **{target: images[mask] for target, mask in masks.items()}}.items():
        intensity = figures["intensity"][region]
        assert (intensity["least"], intensity["greatest"]) == (values.min(), values.max())
        expected = np.percentile(values, (1, 5, 50, 95, 99), method="inverted_cdf")
        assert list(intensity["percentiles"].values()) == expected.tolist()
    assert "as_the_paper_counts" not in figures


def test_lesions_are_the_connected_components(cases, described):
    volumes = []
    for case in cases:
        labels, count = ndimage.label(case.masks["lesion"], np.ones((3, 3, 3)))
        volumes += [(labels == label).sum() * np.prod(case.spacing) / 1000 for label in range(1, count + 1)]
    pieces = described["parts"]["all"]["pieces"]
    assert (pieces["of"], pieces["count"], pieces["measured"]) == ("lesion", len(volumes), len(volumes))
    assert list(pieces["volume_ml"].values()) == pytest.approx(np.percentile(volumes, (5, 50, 95)))


def test_balls_have_their_count_volume_and_diameter():
    shape, spacing = (60, 90, 80), (2.0, 0.8, 1.0)
    small, large = (ball(shape, spacing, c, d) for c, d in (((15, 25, 25), 12.0), ((38, 55, 50), 40.0)))
    pieces = describe_source(Made(case(small | large, spacing=spacing)))["parts"]["all"]["pieces"]
    assert (pieces["count"], pieces["measured"]) == (2, 2)
    # Of two values the percentiles lie on the line between: 5 % and 95 % of the way.
    expected = {"diameter_mm": (12.0, 40.0), "volume_ml": (np.pi * 1.2**3 / 6, np.pi * 4.0**3 / 6)}
    for measure, sizes in expected.items():
        assert list(pieces[measure].values()) == pytest.approx(np.percentile(sizes, (5, 50, 95)), rel=0.04)


def test_corners_join_in_three_dimensions_and_slices_apart_do_not():
    mask = np.zeros((3, 16, 16), bool)
    mask[0, 2, 2] = mask[1, 3, 3] = mask[1, 4, 4] = mask[1, 9, 9:11] = True
    assert sorted(component_sizes(mask, connected=True)) == [2, 3]
    assert sorted(component_sizes(mask, connected=False)) == [1, 2, 2]
    assert component_sizes(np.zeros_like(mask), connected=True) == []
    description = describe_source(Made(case(mask, spacing=(1.0, 1.0, 1.0), contiguous=False)))
    pieces = description["parts"]["all"]["pieces"]
    assert (pieces["count"], pieces["measured"], pieces["volume_ml"]) == (3, 0, None)
    assert any("counted slice by slice" in note for note in description["notes"])
    assert "  pixels **" in table(description)


def test_unknown_spacing_empty_parts_and_patients_with_several_cases():
    nothing = np.zeros((4, 16, 24), bool)
    made = Made(case(nothing, ~nothing, name="a"), case(nothing, name="b"), case(nothing, name="c", patient="q"))
    description = describe_source(made)
    figures = description["parts"]["all"]
    assert (figures["cases"], figures["patients"], figures["slices_without"]) == (3, 2, 8)
    assert (figures["sizes"], figures["spacing_mm"]) == ({"16x24": 12}, None)
    assert figures["pieces"]["count"] == 0
    assert figures["pieces"]["pixels"] is figures["intensity"]["lesion"] is None
    assert description["parts"]["test"]["slices"] == 0
    assert json.loads(json.dumps(description)) == description
    assert table(description).count("\n") > 10


@pytest.mark.parametrize("form", ["nifti", "msd"])
def test_scans_as_nifti_are_described_as_the_phantom_is(described, tmp_path, form):
    write_nifti(PHANTOM, tmp_path / "made", form=form)
    description = describe(tmp_path / "made")
    assert description["layout"] == "nifti"
    for part, figures in described["parts"].items():
        again = description["parts"][part]
        for measure in ("spacing_mm", "pieces"):
            # Headers hold spacing in float32.
            assert _numbers(again[measure]) == pytest.approx(_numbers(figures[measure]), rel=1e-5)
        # The body is found slice by slice, whichever way they lie.
        rest = set(figures) - {"spacing_mm", "pieces"}
        assert {key: again[key] for key in rest} == {key: figures[key] for key in rest}


def _numbers(tree):
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list):
        return [number for branch in tree for number in _numbers(branch)]
    return [tree] if isinstance(tree, int | float) else []


@pytest.mark.parametrize("target", ["liver", "lesion"])
def test_masks_of_a_paired_folder_are_of_a_foreground(cases, described, tmp_path, target):
    write_paired_folder(PHANTOM, tmp_path / "made", target=target)
    description = describe(tmp_path / "made")
    assert (description["layout"], description["targets"]) == ("paired_folder", ["foreground"])
    for part, figures in described["parts"].items():
        again = description["parts"][part]
        assert (again["cases"], again["slices"]) == (figures["cases"], figures["slices"])
        assert again["slices_with"]["foreground"] == figures["slices_with"][target]
        assert (again["sizes"], again["spacing_mm"]) == (figures["sizes"], None)
        assert again["share"]["foreground"] == figures["share"][target]
    assert description["parts"]["all"]["pieces"]["count"] == sum(
        ndimage.label(case.masks[target], np.ones((3, 3, 3)))[1] for case in cases
    )
    assert "components of foreground" in table(description)
    assert "lesion" not in table(description)


def test_slices_of_one_patient_that_differ_in_size_are_read_at_512(tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        for name, shape in zip(("a_1", "b_1", "c_1", "c_2"), [(40, 40), (30, 40), (40, 40), (30, 40)], strict=True):
            Image.fromarray(np.zeros(shape, np.uint8)).save(tmp_path / kind / f"{name}.png")
    description = describe(tmp_path, layout="paired_folder")
    assert description["parts"]["all"]["sizes"] == {"40x40": 1, "30x40": 1, "512x512": 2}
    assert any("resized to 512x512" in note for note in description["notes"])


def test_a_prepared_dataset_knows_its_target(tmp_path):
    made = prepare(PHANTOM, tmp_path, size=64, window=None)
    figures = describe(made)["parts"]["all"]
    assert figures["slices_with"] == describe_source(PHANTOM)["parts"]["all"]["slices_with"]


def test_lits_png_has_the_true_counts_and_the_papers(described, tmp_path):
    write_lits_png(PHANTOM, tmp_path / "made")
    description = describe(tmp_path / "made")
    for part, figures in described["parts"].items():
        again = description["parts"][part]
        for key in ("cases", "patients", "slices", "slices_with", "slices_without", "sizes", "share"):
            assert again[key] == figures[key]
        assert again["pieces"]["count"] == figures["pieces"]["count"]
        assert again["pieces"]["pixels"] == figures["pieces"]["pixels"]
        empty = {t: figures["slices"] - n for t, n in figures["slices_with"].items()}
        assert again["as_the_paper_counts"] == empty
    lines = table(description).splitlines()
    assert sum(PAPER_NOTE in line for line in lines) == 1
    row = next(line for line in lines if '"Lesion Mask"' in line)
    assert row.split()[-1] == str(empty["lesion"])
    row = next(line for line in lines if "with lesion" in line)
    assert row.split()[-1] == str(figures["slices_with"]["lesion"])
    assert "EMPTY" not in table(described)


@pytest.mark.parametrize(("intensity", "air", "tissue"), [("hu", -1000, 40), ("grey", 0, 90), ("minmax", 140, 200)])
def test_the_body_is_whole_without_couch_padding_or_holes(intensity, air, tissue):
    rows, columns = np.indices((100, 120))
    body = (rows - 45) ** 2 / 35**2 + (columns - 60) ** 2 / 50**2 <= 1
    image = np.full(body.shape, air, np.int16 if intensity == "hu" else np.uint8)
    image[body] = tissue
    image[30:45, 40:60] = air  # a lung
    image[90:94, 5:115] = tissue  # the couch
    image[(rows - 50) ** 2 + (columns - 60) ** 2 > 70**2] = -3024 if intensity == "hu" else 0
    found = find_body(image, intensity)
    assert (found != body).sum() < 10  # the opening takes single pixels from the rim
    assert not find_body(np.full_like(image, image.min()), intensity).any()


def test_the_phantoms_body_has_neither_air_nor_couch(described):
    body = described["parts"]["all"]["intensity"]["body"]
    assert body["percentiles"]["median"] > -120
    assert body["percentiles"]["p95"] > described["parts"]["all"]["intensity"]["liver"]["percentiles"]["median"]


def test_pictures_are_there_and_not_blank(described, tmp_path):
    out = tmp_path / "new" / "pictures"
    assert describe_source(PHANTOM, out=out) == described
    assert sorted(path.name for path in out.iterdir()) == ["histogram.png", "slices.png"]
    for path in out.iterdir():
        pixels = np.asarray(Image.open(path).convert("RGB"), int)
        assert min(pixels.shape[:2]) > 300
        # Both colours of the outlines and curves: more blue than red, and more red than blue.
        red, _, blue = np.moveaxis(pixels, -1, 0)
        assert (blue - red > 100).sum() > 100
        assert (red - blue > 100).sum() > 100


def test_the_slices_shown_hold_lesions_and_livers_and_follow_the_seed(tmp_path, monkeypatch):
    sheets = []
    monkeypatch.setattr(drawing, "draw_slices", lambda slices, *_, **__: sheets.append(slices))
    monkeypatch.setattr(drawing, "draw_histogram", lambda *_, **__: None)
    lesion, liver = np.zeros((2, 300, 16, 16), bool)
    lesion[123, 4:6, 4:6] = liver[120:128, 2:9, 2:9] = True
    made = Made(case(lesion, liver))
    for run, seed in enumerate((0, 0, 1)):
        describe_source(made, out=tmp_path / str(run), seed=seed)
    for sheet in sheets:
        assert len(sheet) == 12
        assert [one.order for one in sheet] == sorted(one.order for one in sheet)
        assert sum("lesion" in one.masks for one in sheet) == 1
        assert sum("liver" in one.masks for one in sheet) == 8  # there are no more
        assert all(one.image.base is None for one in sheet)  # no view that keeps a case in memory
    first, again, other = ([one.name for one in sheet] for sheet in sheets)
    assert first == again != other


@pytest.mark.parametrize("count", [1, 5])
def test_few_slices_without_masks_make_pictures_too(tmp_path, count):
    describe_source(Made(case(np.zeros((count, 16, 40), bool), spacing=(1.0, 2.0, 1.0))), out=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["slices.png", "histogram.png"])
def test_pictures_that_are_there_are_kept(tmp_path, name):
    (tmp_path / name).write_text("mine")
    for call in (lambda: describe_source(PHANTOM, out=tmp_path), lambda: describe("nowhere", out=tmp_path)):
        with pytest.raises(DataError, match=f"{name} already exists"):
            call()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_mistakes_are_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be created"):
        describe_source(PHANTOM, out=tmp_path / "file" / "pictures")
    for arguments in (("nowhere",), (tmp_path,), (tmp_path, "--layout", "cubes")):
        assert cli.fails("data", "describe", *arguments)


def test_the_command_prints_a_table_and_json(tmp_path, monkeypatch):
    # A folder of this name is a folder, not the built-in phantom.
    monkeypatch.chdir(tmp_path)
    write_nifti(PHANTOM, tmp_path / "phantom")
    result = cli.run("data", "describe", "phantom", "--json", "--out", tmp_path / "out", "--seed", 3)
    assert result.code == 0
    assert result.json == describe(tmp_path / "phantom")
    wide, narrow = table(result.json), table(result.json, width=80)
    assert result.error.startswith(wide)
    assert max(map(len, narrow.splitlines())) <= 80 < max(map(len, wide.splitlines()))
    for name in ("cases", "height x width", "HU in liver **"):
        cells = [
            cell
            for text in (narrow, wide)
            for line in text.splitlines()
            if line.startswith(f"{name} ")
            for cell in line.removeprefix(name).split()
        ]
        assert cells[: len(cells) // 2] == cells[len(cells) // 2 :]
    assert (tmp_path / "out" / "slices.png").exists()
    assert "already exists" in cli.fails("data", "describe", "phantom", "--out", tmp_path / "out")


def test_no_pictures_no_matplotlib():
    program = (
        "import sys; from pipelines.describe import describe_source; "
        "from pipelines.layouts.phantom import Phantom; "
        "describe_source(Phantom(cases=3, slices=1, size=32)); print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
