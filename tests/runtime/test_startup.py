"""Import of the package."""

import json
import os
import subprocess
import sys

import pytest

import cafct_keras
from cafct_keras.runtime import startup


def python(*arguments, **variables):
    environ = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"} | variables
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environ)


def test_import_lets_keras_load_a_network(tmp_path):
    file = tmp_path / "network.keras"
    cafct_keras.create_model("unet", preset="tiny").save(file)
    done = python("-c", f"import cafct_keras, keras; print(keras.saving.load_model({str(file)!r}).name)")
    assert done.stdout.split() == ["unet"], done.stderr


def test_public_names_are_found():
    code = "import cafct_keras; print(all(hasattr(cafct_keras, name) for name in dir(cafct_keras)))"
    assert python("-c", code, KERAS_BACKEND="jax").stdout.strip() == "True"


def test_keras_that_was_imported_first_is_followed(tmp_path):
    code = "import os, keras, cafct_keras; print(keras.backend.backend(), os.environ['KERAS_BACKEND'])"
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "torch"}))
    done = python("-c", f"import os; os.environ['KERAS_BACKEND'] = ''; {code}", KERAS_HOME=str(tmp_path))
    assert done.stdout.split() == ["torch", "torch"], done.stderr
    assert "warn" not in done.stderr.lower()


def test_keras_that_was_imported_first_with_another_backend_is_reported(tmp_path):
    code = (
        "import os, keras; os.environ['KERAS_BACKEND'] = 'jax'; import cafct_keras; "
        "print(keras.backend.backend(), os.environ['KERAS_BACKEND'])"
    )
    done = python("-c", code, KERAS_BACKEND="torch", KERAS_HOME=str(tmp_path))
    assert done.stdout.split() == ["torch", "torch"], done.stderr
    assert "Keras was imported first and runs on torch; import cafct_keras before keras to run on jax" in done.stderr


def test_keras_json_that_keras_cannot_read(tmp_path):
    (tmp_path / "keras.json").write_text("[]")
    library = python("-c", "import cafct_keras", KERAS_HOME=str(tmp_path))
    assert library.stderr.splitlines()[-1].startswith(f"cafct_keras.errors.UserError: {tmp_path / 'keras.json'}: not a")
    code = "import sys; sys.argv = ['cafct-keras', 'info']; from cafct_keras.cli import main; main()"
    program = python("-c", code, KERAS_HOME=str(tmp_path), GLIBC_TUNABLES="glibc.malloc.hugetlb=0")
    assert program.returncode == 1
    assert program.stderr.startswith(f"cafct-keras: {tmp_path / 'keras.json'}: not a JSON object")
    assert len(program.stderr.splitlines()) == 1


def test_the_command_line_imports_keras_without_what_it_does_not_need():
    """And whoever needs that, gets it."""
    code = """
import sys
sys.argv = ["cafct-keras"]
import cafct_keras, keras
print(*(name for name in ("matplotlib", "sklearn") if name in sys.modules), keras.__spec__.loader is keras.__loader__)
import importlib.util, matplotlib.pyplot
print(importlib.util.find_spec("keras").loader is keras.__loader__, keras.layers.Dense(3).name)
"""
    done = python("-c", code, KERAS_BACKEND="jax", GLIBC_TUNABLES="glibc.malloc.hugetlb=0")
    assert done.stdout.splitlines() == ["True", "True dense"], done.stderr


@pytest.mark.parametrize(
    "arguments", ["--help", "info", "data phantom --layout nifti --cases 3 --slices 2 --size 64 --out ct"]
)
def test_what_computes_nothing_does_not_wait_for_keras(arguments, tmp_path):
    code = """
import sys
sys.argv = ["cafct-keras", *sys.argv[1:]]
from cafct_keras.cli import main
try:
    main()
finally:
    print({"keras", "tensorflow"} & set(sys.modules), file=sys.stderr)
"""
    command = [sys.executable, "-c", code, *arguments.split()]
    environ = {**os.environ, "KERAS_BACKEND": "jax", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=0"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "set()"


PROGRAM = "import sys; sys.argv = ['cafct-keras', 'info']; from cafct_keras.cli import main; "


@pytest.mark.parametrize("backend", ["nothing", "numpy", "openvino"])
def test_backends_that_cannot_train_are_refused(backend):
    done = python("-c", PROGRAM, KERAS_BACKEND=backend, GLIBC_TUNABLES="glibc.malloc.hugetlb=0")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"KERAS_BACKEND={backend}" in done.stderr


def test_keras_json_with_channels_first_and_a_platform_that_is_not_there(tmp_path):
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first", "backend": "jax"}')
    code = "import cafct_keras.layers, keras; print(keras.config.image_data_format()); main()"
    done = python(
        *("-c", PROGRAM + code),
        KERAS_HOME=str(tmp_path),
        KERAS_BACKEND="jax",
        JAX_PLATFORMS="nothing",
        GLIBC_TUNABLES="glibc.malloc.hugetlb=0",
    )
    assert done.stdout.split() == ["channels_last"]
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("cafct-keras: JAX_PLATFORMS=nothing: ")


@pytest.mark.parametrize("name", ["pipelines/__init__.py", "pipelines/data.csv", "pipelines.py"])
def test_pipelines_that_hide_ours_are_named(tmp_path, name):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    script = tmp_path / "mine.py"
    script.write_text("import cafct_keras\nfrom pipelines import open_source")
    hidden = python(script)
    if hidden.returncode:  # a folder without __init__.py hides an editable installation only
        hiding = file if file.suffix == ".py" and file.parent == tmp_path else file.parent
        message = f"ImportError: {hiding}: hides the package `pipelines` of cafct-keras; rename it or run python -P"
        assert hidden.stderr.splitlines()[-1] == message
    else:
        assert name == "pipelines/data.csv"
    assert python("-P", script).returncode == 0


def test_startup_finds_this_distribution():
    startup.check_pipelines()
