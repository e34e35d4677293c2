"""Networks of integers: calibrated on training slices, and scored beside float32 on validation slices."""

import numpy as np
import pytest

from tests.cli import fails, run
from tests.evaluating import make_run, write_scans


def test_integers_are_scored_beside_float32(tmp_path):
    pytest.importorskip("nncf", reason="NNCF is not installed (extra: int8)")
    import openvino

    folder = make_run(tmp_path / "run", write_scans(tmp_path / "scans"))
    out = tmp_path / "out"
    result = run("export", folder, "--format", "openvino", "--int8", "--out", out, "--json")
    assert result.code == 0, result
    int8 = result.json["int8"]
    assert int8["validation_slices"] == 12
    assert int8["dice"]["float32"] == {"liver": 1.0, "lesion": 1.0}
    # The lesion's threshold in this network of two thresholds is finer than eight bits: what integers cost is seen.
    assert int8["dice"]["int8"]["liver"] > 0.9 > int8["dice"]["int8"]["lesion"]
    compiled = openvino.Core().compile_model(out / "1" / "network_int8.xml", "CPU")
    assert "FakeQuantize" in {
        each.get_type_name() for each in openvino.Core().read_model(out / "1" / "network_int8.xml").get_ops()
    }
    assert compiled([np.zeros((2, 64, 32, 3), np.float32)])["probability"].shape == (2, 64, 32, 2)


def test_mistakes_of_int8_leave_nothing_behind(tmp_path):
    folder = make_run(tmp_path / "run", write_scans(tmp_path / "scans"))
    pytest.importorskip("nncf", reason="NNCF is not installed (extra: int8)")
    message = fails("export", folder, "--format", "onnx", "--int8", "--out", tmp_path / "out")
    assert "--int8 and --format onnx: only openvino has networks of integers" in message
    assert not (tmp_path / "out").exists()
