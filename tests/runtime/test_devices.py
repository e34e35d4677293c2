import keras

from cafct_keras.runtime import devices
from tests.cli import run


def test_info():
    result = run("info", "--json")
    assert result.json["backend"] == keras.backend.backend()
    assert result.json["versions"]["keras"] == keras.__version__
    assert result.json["devices"]


def test_info_warns_of_a_gpu_that_jax_does_not_see(monkeypatch):
    answers = {(): "| CUDA Version: 12.8 |", ("--query-gpu=name", "--format=csv,noheader"): "NVIDIA H100\n"}
    monkeypatch.setattr(devices, "_nvidia_smi", lambda *arguments: answers[arguments])
    monkeypatch.setattr(devices, "devices", lambda: ["cpu: cpu, 2 cores"])
    monkeypatch.setattr(devices.backend, "chosen", lambda: "jax")
    assert 'pip install "cafct-keras[cuda12]"' in devices.unused_gpu()
    monkeypatch.setattr(devices, "devices", lambda: ["gpu: NVIDIA H100"])
    assert devices.unused_gpu() is None
