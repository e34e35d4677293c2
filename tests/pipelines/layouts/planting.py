"""Ways to spoil one thing in a folder of the phantom, and the way to see what `verify` says about it."""

import shutil

import nibabel
import numpy as np
from PIL import Image

from pipelines.layouts import verify
from tests.pipelines.layouts.agreement import agree


def problems(folder, **options):
    """(severity, code, file) of what is wrong with a folder, after a comparison with what the reader says."""
    findings = verify(folder, **options)
    agree(folder, findings=findings, **options)
    return {(one.severity, one.code, one.file) for one in findings if one.severity != "note"}


def notes(folder, **options):
    return {(one.code, one.file) for one in verify(folder, **options) if one.severity == "note"}


def unlink(*names):
    def act(folder):
        for name in names:
            (folder / name).unlink()

    return act


def copy_to(name, other):
    return lambda folder: shutil.copy(folder / name, folder / other)


def both(*acts):
    def act(folder):
        for one in acts:
            one(folder)

    return act


def cut(name, keep=0.6):
    """Leaves a share of the bytes; below 0, takes that many from the end."""

    def act(folder):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[:keep] if keep < 0 else data[: int(len(data) * keep)])

    return act


def replace(name, old, new, count=1):
    def act(folder):
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, count))

    return act


def append(name, line):
    def act(folder):
        with (folder / name).open("a") as file:
            file.write(line + "\n")

    return act


def repaint(name, change, kind="PNG"):
    """Saves what `change` makes of a picture's `(H, W)` or `(H, W, 3)` uint8."""

    def act(folder):
        pixels = np.array(Image.open(folder / name))
        Image.fromarray(change(pixels)).save(folder / name, format=kind)

    return act


def jpeg(name):
    return repaint(name, lambda pixels: pixels, kind="JPEG")


def crop(pixels):
    return pixels[:-2]


def with_value(value):
    """Sets one pixel or voxel to a value."""

    def change(array):
        array = array.copy()
        array[(0,) * array.ndim] = value
        return array

    return change


def resave(name, change=lambda array: array, affine=lambda matrix: matrix, dtype=None):
    """Saves what `change` and `affine` make of a NIfTI file."""

    def act(folder):
        image = nibabel.load(folder / name)
        array = np.asanyarray(image.dataobj)
        array = change(array.astype(dtype) if dtype else array)
        nibabel.save(nibabel.Nifti1Image(array, affine(image.affine.copy())), folder / name)

    return act


def with_sform(name, affine, codes=(1, 0)):
    """Writes an affine that nibabel's own way of saving would refuse."""

    def act(folder):
        image = nibabel.load(folder / name)
        header = image.header.copy()
        array = np.asanyarray(image.dataobj)
        made = nibabel.Nifti1Image(array, None, header)
        for row, field in enumerate(("srow_x", "srow_y", "srow_z")):
            made.header[field] = affine[row]
        made.header["sform_code"], made.header["qform_code"] = codes
        nibabel.save(made, folder / name)

    return act
