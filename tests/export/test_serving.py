"""The page of how-to guides on serving: its clients are run as they stand there."""

import functools
import json
import urllib.error
import urllib.request

import nibabel
import numpy as np
import pytest

import cafct_keras
from tests.docs.pages import blocks
from tests.evaluating import hounsfield, labels_of
from tests.export.rest_server import serving

PAGE = "how_to/serving.md"


@pytest.fixture(scope="module")
def folder(exported, tmp_path_factory):
    """What the page begins with: exported networks, and a scan whose axes run otherwise than the slices'."""
    folder = tmp_path_factory.mktemp("serving")
    for name, place in (("savedmodel", "served"), ("onnx", "onnx")):
        (folder / place).symlink_to(exported(name))
    slices = hounsfield(labels_of(0))[:, :26]
    oblique = np.diag([0.8, -0.9, 5.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(slices.T), oblique), folder / "ct.nii.gz")
    return folder


@pytest.fixture(scope="module")
def server(folder):
    with serving("liver", folder / "served") as address:
        yield address


def ask(address, body=None):
    """The JSON that the server answers with, also of an error."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(address, data) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return {"code": error.code, **json.load(error)}


def test_the_clients_of_the_page_segment_a_scan(folder, server, network_file, monkeypatch):
    monkeypatch.chdir(folder)
    source = "\n".join(blocks(PAGE, "python")).replace("http://localhost:8501", server)
    page = {}
    exec(compile(source, PAGE, "exec"), page)  # TensorFlow Serving's client, then ONNX Runtime's
    expected = cafct_keras.segment("ct.nii.gz", network_file, engine="keras")
    liver = np.stack(list(expected.probability["liver"]))
    np.testing.assert_allclose(page["probability"][..., 0], liver, atol=1e-5)
    np.testing.assert_allclose(np.concatenate(page["found"])[..., 0], liver, atol=1e-5)
    image = nibabel.load("ct.nii.gz")
    mask = nibabel.Nifti1Image(expected.case.frame.from_slices((liver > 0.5).astype(np.uint8)), image.affine)
    mask = nibabel.as_closest_canonical(mask)
    for name in ("served", "onnx"):  # in the same place, though their axes run as the network's slices do
        written = nibabel.as_closest_canonical(nibabel.load(f"{name}.nii.gz"))
        np.testing.assert_allclose(written.affine, mask.affine, atol=1e-5)
        assert (np.asarray(written.dataobj) != np.asarray(mask.dataobj)).mean() < 1e-3  # but for probabilities of 0.5
    assert 0 < np.asarray(mask.dataobj).mean() < 1


def test_requests_by_row_and_by_column_are_the_same(server):
    address = f"{server}/v1/models/liver"
    (status,) = ask(address)["model_version_status"]
    assert (status["version"], status["state"]) == ("1", "AVAILABLE")
    slices = hounsfield(labels_of(1))[2:4].tolist()
    by_column = ask(f"{address}:predict", {"signature_name": "serve_hounsfield", "inputs": slices})["outputs"]
    by_row = ask(f"{address}:predict", {"signature_name": "serve_hounsfield", "instances": slices})["predictions"]
    assert by_column == by_row
    version = ask(
        f"{address}/versions/1:predict", {"signature_name": "serve_hounsfield", "inputs": {"hounsfield": slices}}
    )
    assert version == {"outputs": by_column}
    image = np.zeros((1, 32, 32, 3)).tolist()
    assert np.shape(ask(f"{address}:predict", {"inputs": image})["outputs"]) == (1, 32, 32, 2)


def test_mistakes_are_answered_as_errors(server):
    predict = functools.partial(ask, f"{server}/v1/models/liver:predict")
    assert predict({"signature_name": "serve_hounsfield", "inputs": [[[40.0]]]})["code"] == 400
    assert "serve_other" in predict({"signature_name": "serve_other", "inputs": []})["error"]
    assert ask(f"{server}/v1/models/other:predict", {})["code"] == 404
