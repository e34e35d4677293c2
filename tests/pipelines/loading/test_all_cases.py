import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pipelines import folds, open_source
from pipelines.errors import DataError
from pipelines.folds import Fold, FoldSource
from pipelines.layouts.phantom import Phantom
from pipelines.loading import all_cases
from pipelines.loading.slices import load_slices


class Deadly(Phantom):
    """Ends every process but this one that reads its fifth case."""

    def __init__(self, *, bad: str | None = None):
        super().__init__(cases=6, slices=2, size=32)
        self.process, self.bad = os.getpid(), bad

    def case(self, name):
        if name == self.bad:
            raise DataError(f"{name}: damaged; copy it again")
        if name == "phantom-004" and os.getpid() != self.process:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().case(name)


def loaded(source):
    parts = load_slices(source, target="lesion", size=32)
    return [
        (name, part.names, part.patients, *(array.tolist() for array in (part.cases, part.images, part.masks)))
        for name, part in parts.items()
    ]


def test_what_processes_note_is_noted(tmp_path, monkeypatch, in_processes):
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        for place in range(24):
            size = 48 if place % 3 else 40
            pixels = np.zeros((size, size), np.uint8)
            pixels[place : place + 9, 5:20] = 255
            Image.fromarray(pixels).save(tmp_path / kind / f"patient{place // 4}_{place % 4}.png")
    source = open_source(tmp_path, target="lesion", size=32)
    together = loaded(source)
    monkeypatch.setattr(all_cases, "_cores", lambda: 1)
    alone = open_source(tmp_path, target="lesion", size=32)
    assert loaded(alone) == together
    assert source.notes == alone.notes
    assert any("resized" in note and "24 in all" in note for note in source.notes)


def test_folds_are_the_same(monkeypatch, in_processes):
    found = []
    for cores in (2, 1):
        monkeypatch.setattr(all_cases, "_cores", lambda cores=cores: cores)
        monkeypatch.setattr(folds, "_known", {})
        source = FoldSource(Phantom(cases=9, slices=2, size=32), Fold(1, 3))
        found.append((source.parts, source.notes))
    assert found[0] == found[1]


def test_a_lost_process_is_done_without(in_processes):
    assert loaded(Deadly()) == loaded(Phantom(cases=6, slices=2, size=32))


def test_an_error_in_a_process_is_raised(in_processes):
    with pytest.raises(DataError, match=r"^phantom-003: damaged; copy it again$"):
        loaded(Deadly(bad="phantom-003"))


def test_a_source_that_cannot_be_pickled_is_read_alone(in_processes):
    source = Phantom(cases=6, slices=2, size=32)
    source.reading = {"how": lambda: None}
    assert loaded(source) == loaded(Phantom(cases=6, slices=2, size=32))


@pytest.mark.parametrize("own", ["", "class Phantom(Phantom): pass\n"], ids=["packaged", "own"])
def test_scripts_need_no_guard(own, tmp_path):
    """What multiprocessing starts would run the script again; a source of the script's own is read by it alone."""
    script = tmp_path / "script.py"
    script.write_text(
        f"from pipelines.layouts.phantom import Phantom\n{own}"
        "from pipelines.loading import all_cases, slices\n"
        "all_cases._PATIENCE, all_cases._cores = 0.0, lambda: 2\n"
        "slices.load_slices(Phantom(cases=6, slices=2, size=32), target='lesion', size=32)\n"
        "print('once')\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("once\n", "")
