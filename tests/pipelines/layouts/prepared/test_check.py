import random
import shutil

import pytest

from pipelines.errors import DataError
from pipelines.layouts import open_source
from pipelines.layouts.phantom import Phantom
from pipelines.prepare import prepare
from tests.pipelines.layouts.planting import notes, problems


@pytest.fixture
def dataset(tmp_path):
    return prepare(Phantom(cases=3, slices=2, size=32), tmp_path, size=32, window=(-200.0, 250.0))


def test_what_was_prepared_is_clean(dataset):
    assert problems(dataset) == set()
    assert notes(dataset) == {("read", ".")}


def test_damage_is_told(dataset):
    record = next(path for path in dataset.iterdir() if "-test." in path.name)
    record.write_bytes(record.read_bytes()[:-200])
    assert {one[:2] for one in problems(dataset)} == {("error", "unreadable")}
    with pytest.raises(DataError, match="damaged"):
        list(open_source(dataset).cases())


def refused(folder):
    """Both `verify` and reading name the damage in one line."""
    assert {one[:2] for one in problems(folder)} == {("error", "unreadable")}
    with pytest.raises(DataError, match="damaged") as raised:
        list(open_source(folder, layout="prepared").cases())
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("with_sums", [True, False])
def test_cut_files(dataset, with_sums):
    if not with_sums:  # as versions before prepared them
        (dataset / "SHA256SUMS").unlink()
    for path in [path for path in dataset.iterdir() if path.name != "SHA256SUMS"]:
        content = path.read_bytes()
        for cut in (0, len(content) - 2):
            path.write_bytes(content[:cut])
            refused(dataset)
        path.write_bytes(content)
    assert problems(dataset) == set()


def test_no_flipped_bit_goes_unseen(dataset):
    dice = random.Random(0)
    for path in [path for path in dataset.iterdir() if path.name != "SHA256SUMS"]:
        content = bytearray(path.read_bytes())
        for _ in range(4):
            place, bit = dice.randrange(len(content)), 1 << dice.randrange(8)
            content[place] ^= bit
            path.write_bytes(content)
            if path.suffix == ".json":  # may still be read
                assert problems(dataset)
            else:
                refused(dataset)
            content[place] ^= bit
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("dataset_info.json", '"name": "lits_slices"', '"more": 1'),
        ("dataset_info.json", '"shardLengths": [\n        "2"', '"shardLengths": [\n        "3"'),
        ("dataset_info.json", '"fileFormat": "parquet"', '"fileFormat": "odd"'),
        ("features.json", "tensorflow_datasets.core.features.text_feature.Text", "this.Zen"),
        ("features.json", '"32"', '"3200000"'),
        ("features.json", '"32"', '"31"'),
        ("metadata.json", '"intensity": "grey"', '"intensity": 3'),
        ("metadata.json", '"targets": ["liver", "lesion"]', '"targets": ["spleen"]'),
        ("metadata.json", '"layout": "phantom", ', ""),
        ("metadata.json", '"parts": {', '"parts": {"more": "train", '),
        ("metadata.json", '"train"', '"elsewhere"'),
        ("metadata.json", '"notes": [', '"notes": 3, "x": ['),
    ],
)
def test_descriptions_that_do_not_fit(dataset, file, old, new):
    (dataset / "SHA256SUMS").unlink()
    text = (dataset / file).read_text()
    assert old in text
    (dataset / file).write_text(text.replace(old, new))
    assert {one[0] for one in problems(dataset)} == {"error"}
    with pytest.raises(DataError) as raised:
        list(open_source(dataset, layout="prepared").cases())
    assert len(str(raised.value).splitlines()) == 1


def test_a_part_of_another_dataset(dataset, tmp_path):
    other = prepare(Phantom(cases=3, slices=3, size=32), tmp_path / "other", size=32, window=(-200.0, 250.0))
    name = "lits_slices-train.parquet-00000-of-00001"
    shutil.copy(other / name, dataset / name)
    refused(dataset)
