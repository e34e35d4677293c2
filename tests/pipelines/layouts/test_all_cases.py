"""Every layout is read in other processes as it is in this one."""

import pytest

from pipelines import open_source
from pipelines.loading import all_cases
from tests.pipelines.layouts.conftest import WRITERS
from tests.pipelines.loading.test_all_cases import loaded


@pytest.mark.parametrize("layout", WRITERS)
def test_processes_read_what_one_does(clean, layout, monkeypatch, in_processes):
    source = open_source(clean / layout, target="lesion", size=32)
    together = loaded(source)
    monkeypatch.setattr(all_cases, "_cores", lambda: 1)
    alone = open_source(clean / layout, target="lesion", size=32)
    assert loaded(alone) == together
    assert source.notes == alone.notes
