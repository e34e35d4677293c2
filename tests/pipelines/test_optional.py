"""Optional packages."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

OPTIONAL = (
    "nibabel",
    "pydicom",
    "highdicom",
    "nrrd",
    "gdcm",
    "jinja2",
    "markupsafe",
    "contourpy",
    "safetensors",
)
SMALL = ("--cases", 6, "--slices", 2, "--size", 32)


def call(*arguments, without=OPTIONAL):
    """Runs `cafct-keras ARGUMENTS` where some packages cannot be imported."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({without})); sys.argv = ['cafct-keras', *sys.argv[1:]]; "
        "from cafct_keras.cli import main; main()"
    )
    environ = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, env=environ
    )


@pytest.mark.parametrize(("layout", "package"), [("nifti", "nibabel"), ("dicom", "pydicom")])
def test_a_layout_names_its_extra(layout, package, tmp_path):
    done = call("data", "phantom", "--layout", layout, *SMALL, "--out", tmp_path / "x")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"cafct-keras: writing {layout.upper().replace('NIFTI', 'NIfTI')} files needs the package {package}; "
        f'run: pip install "cafct-keras[{layout}]"'
    ]
    assert not (tmp_path / "x").exists()


def test_other_layouts_need_none_of_them(tmp_path):
    made = call("data", "phantom", "--layout", "paired_folder", *SMALL, "--out", tmp_path / "x")
    assert made.returncode == 0, made.stderr
    described = call("data", "describe", tmp_path / "x")
    assert described.returncode == 0, described.stderr


def test_a_stream_names_tensorflow(tmp_path):
    folder = tmp_path / "x"
    made = call("data", "phantom", "--layout", "paired_folder", *SMALL, "--out", folder)
    assert made.returncode == 0, made.stderr
    done = call("benchmark", "data", "--data", folder, "--size", 32, without=("tensorflow",))
    assert done.stderr.splitlines()[-1] == (
        "cafct-keras: the data stream needs the package tensorflow; run: pip install tensorflow"
    )


def test_a_report_names_its_extra_before_anything_is_scored(tmp_path):
    done = call("score", "--prediction", "absent", "--reference", "absent", "--out", tmp_path / "report")
    assert done.stderr.splitlines() == [
        'cafct-keras: report.html needs the package jinja2; run: pip install "cafct-keras[report]"'
    ]


def test_scores_without_a_report_need_no_extra(tmp_path):
    mask = tmp_path / "masks" / "slice.png"
    mask.parent.mkdir()
    Image.fromarray(np.uint8([[0, 1], [1, 1]])).save(mask)
    done = call("score", "--prediction", mask.parent, "--reference", mask.parent)
    assert done.returncode == 0, done.stderr
    code = f"import sys; sys.modules.update(dict.fromkeys({OPTIONAL})); import cafct_keras.reproduction.paper"
    subprocess.run([sys.executable, "-c", code], check=True)
