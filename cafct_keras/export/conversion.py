"""Conversion of networks to the files of other runtimes, each in a process of its own under another Keras backend."""

import importlib.util
import os
import pathlib

from cafct_keras.export.formats import FORMATS
from cafct_keras.export.inputs import NetworkInput
from cafct_keras.export.process import run_python
from pipelines.atomic import fsync
from pipelines.optional import optional
from pipelines.temporary import temporary_directory


def to_onnx(model_file: str | pathlib.Path, file: str | pathlib.Path) -> None:
    """Converts a network to one self-contained ONNX file.

    Its input `image`, float32 `(batch, H, W, channels)`, and its output `probability`, float32 `(batch, H, W,
    classes)`, are those of the network; batch, H and W are free, H and W in multiples of 32.

    Args:
        model_file: `.keras` file, or run folder.
        file: the `.onnx` file to write.

    Raises:
        UserError: there is no such model, or it has an operator that cannot be converted.
        MissingPackageError: a package of the extra `onnx` is missing.
    """
    _convert_to("onnx", model_file, pathlib.Path(file))


def to_openvino(model_file: str | pathlib.Path, file: str | pathlib.Path) -> None:
    """Converts a network to OpenVINO's format, float32, with the input and output of `to_onnx`.

    Args:
        model_file: `.keras` file, or run folder.
        file: the `.xml` file to write; the weights are written beside it, with the suffix `.bin`.

    Raises:
        UserError: there is no such model, or it has an operator that cannot be converted.
        MissingPackageError: a package of the extra `openvino` is missing.
    """
    _convert_to("openvino", model_file, pathlib.Path(file))


def convert(
    file_format: str, model_file: pathlib.Path, directory: pathlib.Path, network_input: NetworkInput | None = None
) -> None:
    """Converts a network to all files of a format.

    Args:
        file_format: one of `FORMATS`.
        model_file: `.keras` file, or run folder.
        directory: an empty folder.
        network_input: how slices become its channels; None for the network alone, without endpoints that take slices.

    Raises:
        UserError: the conversion failed.
        MissingPackageError: a package of the format's extra is missing.
    """
    require(file_format)
    stated = "" if network_input is None else network_input.to_json()
    run_python(
        "-m", "cafct_keras.export.graphs", file_format, str(model_file), str(directory), stated, backend="tensorflow"
    )


def require(file_format: str) -> None:
    """Checks that the packages of a format are installed, without importing them.

    Raises:
        MissingPackageError: one is missing.
    """
    chosen = FORMATS[file_format]
    with optional(f"export to {file_format}", extra=chosen.extra):
        for package in chosen.packages:
            if importlib.util.find_spec(package) is None:
                raise ModuleNotFoundError(package, name=package)


def _convert_to(file_format: str, model_file: str | pathlib.Path, file: pathlib.Path) -> None:
    """Converts a network to one file, and those that go with it, named as the caller wishes."""
    with temporary_directory(file.parent, file.name) as temporary:
        convert(file_format, pathlib.Path(model_file), temporary)
        for part in sorted(temporary.iterdir(), key=lambda each: each.suffix == file.suffix):
            fsync(part)
            os.replace(part, file.with_suffix(part.suffix))
    fsync(file.parent)
