"""What takes the place of the processes of `export` that convert a network and check it, which take 12 s."""

import json

CHECK = {"endpoint": "serve", "shape": [1, 32, 32, 3], "largest_difference": 0.0, "ms_per_image": 1.0}


def convert(file_format, model_file, directory, network_input=None):
    (directory / "variables").mkdir()
    (directory / "variables" / "data").write_bytes(model_file.read_bytes())
    (directory / "saved_model.pb").write_bytes(bytes(5000))


def run_python(*arguments, backend=None):
    return json.dumps({"checks": [CHECK], "runtime": "none"})


def leave_out(set_attribute):
    set_attribute("cafct_keras.export.versions.convert", convert)
    set_attribute("cafct_keras.export.selfcheck.run_python", run_python)
