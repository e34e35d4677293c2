"""Opt-in: `python -m pytest -n 0 -m orthanc` needs Orthanc (Debian's package orthanc)."""

import io
import json
import shutil
import socket
import subprocess
import time
import urllib.request

import numpy as np
import pytest
from PIL import Image

from tests.docs.pages import blocks
from tests.pipelines.scans.writers.conftest import only_scan, segment
from tests.pipelines.scans.writers.test_dicom_seg import SERIES, frames, write_series

pytestmark = pytest.mark.orthanc


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def orthanc_address(request, tmp_path_factory):
    """Of a running server."""
    if "orthanc" not in request.config.option.markexpr:
        pytest.skip("starts a DICOM server: only for -m orthanc")
    program = shutil.which("Orthanc")
    if program is None:
        pytest.skip("Orthanc is not installed")
    folder = tmp_path_factory.mktemp("orthanc")
    port = free_port()
    settings = {
        "HttpPort": port,
        "DicomServerEnabled": False,
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    address = f"http://127.0.0.1:{port}"

    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, folder / "orthanc.json"], stdout=log, stderr=log)
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"{address}/system").close()
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def orthanc(orthanc_address):
    """A running server: a function of a path, and of what to post to it, that returns the answer."""

    def ask(path, data=None):
        with urllib.request.urlopen(f"{orthanc_address}/{path}", data=data) as answer:
            return answer.read()

    return ask


@pytest.mark.parametrize("name", SERIES)
def test_round_trip_through_orthanc(tmp_path, hu, orthanc, name):
    hu = np.pad(hu, ((0, 7), (0, 5), (0, 0)), constant_values=-1000)  # Orthanc shows frames of whole bytes only
    folder, _ = write_series(tmp_path / "ct", hu, SERIES[name], PatientName="Grünwald^Jürgen", PatientID=name)
    path = segment(only_scan(folder), tmp_path / "out")
    for file in folder.iterdir():
        stored = json.loads(orthanc("instances", file.read_bytes()))
    seg = json.loads(orthanc("instances", path.read_bytes()))
    assert (seg["Status"], seg["ParentStudy"]) == ("Success", stored["ParentStudy"])
    assert len(json.loads(orthanc(f"studies/{seg['ParentStudy']}"))["Series"]) == 2
    assert orthanc(f"instances/{seg['ID']}/file") == path.read_bytes()
    tags = json.loads(orthanc(f"instances/{seg['ID']}/simplified-tags"))
    assert (tags["Modality"], tags["PatientName"]) == ("SEG", "Grünwald^Jürgen")
    for number, (_, _, pixels, uid) in enumerate(frames(path)):
        shown = Image.open(io.BytesIO(orthanc(f"instances/{seg['ID']}/frames/{number}/preview")))
        np.testing.assert_array_equal(np.asarray(shown) > 0, pixels > 0)
        assert json.loads(orthanc("tools/lookup", uid.encode()))[0]["Type"] == "Instance"


def test_the_lines_of_the_page_on_serving_segment_a_series_of_the_server(
    tmp_path, hu, orthanc, orthanc_address, perfect, monkeypatch
):
    (lines,) = blocks("how_to/serving.md", "sh")
    folder, _ = write_series(tmp_path / "sent", hu, SERIES["head first"], PatientName="Page", PatientID="page")
    for file in folder.iterdir():
        stored = json.loads(orthanc("instances", file.read_bytes()))
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "liver").symlink_to(perfect)
    monkeypatch.setenv("SERIES", stored["ParentSeries"])
    lines = lines.replace("http://localhost:8042", orthanc_address)
    subprocess.run(["bash", "-e", "-c", lines], cwd=tmp_path, check=True)
    series = [
        json.loads(orthanc(f"series/{each}"))
        for each in json.loads(orthanc(f"studies/{stored['ParentStudy']}"))["Series"]
    ]
    assert sorted(each["MainDicomTags"]["Modality"] for each in series) == ["CT", "SEG"]
