"""Choice of the backend at import."""

import json
import os
import subprocess
import sys

import pytest


def test_import_is_light():
    # Beyond what Keras itself imports, which is matplotlib where it is installed.
    code = (
        "import sys, keras; before = set(sys.modules); import cafct_keras; "
        "print([m for m in set(sys.modules) - before if m.split('.')[0] in ('tensorflow', 'matplotlib')])"
    )
    environ = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("variable", "config", "expected"),
    [
        (None, None, "jax"),
        ("torch", None, "torch"),
        (None, {"backend": "torch"}, "torch"),
        # The file that Keras writes by itself on first use, with TensorFlow in it, is nobody's choice.
        (
            None,
            {"floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow", "image_data_format": "channels_last"},
            "jax",
        ),
    ],
)
def test_backend_that_is_chosen(tmp_path, variable, config, expected):
    environ = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"} | {
        "KERAS_HOME": str(tmp_path)
    }
    if variable:
        environ["KERAS_BACKEND"] = variable
    if config:
        (tmp_path / "keras.json").write_text(json.dumps(config))
    code = "import os; from cafct_keras.runtime import backend; print(os.environ['KERAS_BACKEND'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    assert done.stdout.strip() == expected


@pytest.mark.parametrize(
    ("version", "known"),
    [("0.8.3", False), ("0.9.0.1", True), ("0.12.0.1", True), ("0.13.0", False)],
)
def test_xla_is_given_only_what_it_knows(tmp_path, version, known):
    # An XLA that does not know a flag ends the process. Of two packages of a name the first on the path counts.
    described = tmp_path / f"jaxlib-{version}.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: jaxlib\nVersion: {version}\n")
    environ = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    environ["PYTHONPATH"] = os.pathsep.join([str(tmp_path), *filter(None, [environ.get("PYTHONPATH")])])
    code = (
        "import os; from cafct_keras.runtime import backend; "
        "print(backend.XLA_CPU_FLAG in os.environ.get('XLA_FLAGS', ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    assert done.stdout.strip() == str(known)
