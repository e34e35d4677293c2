"""Writer of paired folders."""

from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.atomic import atomic_directory
from pipelines.case import Source
from pipelines.errors import DataError
from pipelines.index import write_index
from pipelines.intensity import apply_window
from pipelines.layouts.paired_folder.settings import NAME, settings_text
from pipelines.targets import LESION, LIVER


def write_paired_folder(
    source: Source, directory: str | Path, *, target: str = "lesion", window: tuple[float, float] = (-200.0, 250.0)
) -> None:
    """Writes `images/ID.png`, `masks/ID.png`, `index.csv` (id, patient, split) and `paired_folder.toml`.

    Args:
        source: the scans to write.
        directory: the folder to create.
        target: the target whose masks to write, 0 and 255: `"liver"` or `"lesion"`; or `"both"` for the labels 1 and 2.
        window: Hounsfield units mapped to 0 and 255, for a source in Hounsfield units.

    Raises:
        DataError: the folder exists, or the source has no such masks.
    """
    levels = {LIVER: 1, LESION: 2} if target == "both" else {target: 255}
    for name in levels:
        if name not in source.targets:
            raise DataError(f"`target` {target}: {source.layout} has no {name} masks, only {', '.join(source.targets)}")
    grey_window = window if source.intensity == "hu" else source.window
    with atomic_directory(directory) as temporary:
        for kind in ("images", "masks"):
            (temporary / kind).mkdir()
        rows = []
        for case in source.cases():
            images = apply_window(case.images, window) if source.intensity == "hu" else case.images
            masks = np.zeros(images.shape, np.uint8)
            for name, level in levels.items():
                masks[case.masks[name]] = level
            for name, image, mask in zip(case.slice_names, images, masks, strict=True):
                Image.fromarray(image).save(temporary / "images" / f"{name}.png")
                Image.fromarray(mask).save(temporary / "masks" / f"{name}.png")
                rows.append((name, case.patient, case.split))
        write_index(temporary, rows)
        (temporary / NAME).write_text(
            settings_text(grey_window=grey_window, orientation=source.orientation), encoding="utf-8", newline="\n"
        )
