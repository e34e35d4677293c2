"""Folders as they come from people's disks."""

import os
import subprocess
import sys

import pytest

from pipelines.scans import find_scans
from tests.pipelines.skipped import skipped

# Folder to the scans in it, and what was skipped.
FOUND = {
    "04-4d-single": (["volume-0", "volume-1", "volume-2", "volume-3"], {"masks": 4}),
    "08-affine-rounding": (["volume-0", "volume-1", "volume-2", "volume-3"], {"masks": 4}),
    "26-extras": (
        [
            "case0-sc",
            "case1-localizer",
            "case2-sr",
            "case3-rtstruct",
            "case4-dicomdir",
            "case5-localizer-same-series",
            "case6-sc-ot",
        ],
        {
            "RTSTRUCT objects": 1,
            "SR objects": 1,
            "localizers": 2,
            "masks": 7,
            "other files": 1,
            "secondary captures": 2,
        },
    ),
    "28-no-preamble": (["case0", "case1", "case2"], {"masks": 3, "other files": 3}),
    "30-ircad": ([f"3Dircadb1.{n}_PATIENT_DICOM" for n in (1, 2, 3)], {"masks": 3}),
    "30-tcia-tree": ([f"HCC_00{n}_1-study_2-series" for n in (0, 1, 2)], {"masks": 3}),
    "43-latin1-names": (["L\udce9sion", "pat1", "pat2", "pat3", "pat4"], {"masks": 10}),
    "44 data [old] Leber-肝臓 100% #1": ([f"volume-{n}" for n in range(5)], {"masks": 5}),
    "70-plus1024": ([f"volume-{n}" for n in range(5)], {"masks": 5}),
    "74-huge-dim": (["volume-2"], {"masks": 3}),
}
BAD = {"74-huge-dim": ["volume-0", "volume-1"]}


@pytest.fixture(scope="module")
def cases(shared, tmp_path_factory):
    """The folders that the scripts write."""
    root = tmp_path_factory.mktemp("cases")
    program = "import runpy, sys\nfor path in sys.argv[1:]: runpy.run_path(path, run_name='__main__')"
    numbers = sorted({name[:2] for name in FOUND})
    scripts = [str(shared / "cases" / f"make_{number}.py") for number in numbers]
    environment = os.environ | {"CASES": str(root), "PYTHONPATH": str(shared / "cases")}
    subprocess.run([sys.executable, "-c", program, *scripts], env=environment, check=True, capture_output=True)
    return root


@pytest.mark.parametrize("name", FOUND)
def test_scans_are_found_and_read_and_the_rest_is_accounted_for(cases, name):
    names, expected = FOUND[name]
    found = find_scans([cases / name], keep_going=True)
    assert [scan.name for scan in found.scans] == names
    assert skipped(found.notes) == expected
    for scan in found.scans:
        scan.read()
    assert [failure["case"] for failure in found.failures] == BAD.get(name, [])
