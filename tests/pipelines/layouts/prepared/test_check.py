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
