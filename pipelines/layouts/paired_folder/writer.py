"""Writer of paired folders."""

from pathlib import Path

from PIL import Image

from pipelines.atomic import atomic_directory
from pipelines.case import Source
from pipelines.errors import DataError
from pipelines.index import write_index
from pipelines.intensity import apply_window


def write_paired_folder(
    source: Source, directory: str | Path, *, target: str = "lesion", window: tuple[float, float] = (-200.0, 250.0)
) -> None:
    """Writes `images/ID.png`, `masks/ID.png` (0 and 255) and `index.csv` (id, patient, split).

    Args:
        source: the scans to write.
        directory: the folder to create.
        target: the target whose masks to write, `"liver"` or `"lesion"`.
        window: Hounsfield units mapped to 0 and 255, for a source in Hounsfield units.

    Raises:
        DataError: the folder exists, or the source has no such masks.
    """
    if target not in source.targets:
        raise DataError(f"`target` {target}: {source.layout} has no {target} masks, only {', '.join(source.targets)}")
    with atomic_directory(directory) as temporary:
        for kind in ("images", "masks"):
            (temporary / kind).mkdir()
        rows = []
        for case in source.cases():
            images = apply_window(case.images, window) if source.intensity == "hu" else case.images
            for name, image, mask in zip(case.slice_names, images, case.masks[target], strict=True):
                Image.fromarray(image).save(temporary / "images" / f"{name}.png")
                Image.fromarray(mask.astype("uint8") * 255).save(temporary / "masks" / f"{name}.png")
                rows.append((name, case.patient, case.split))
        write_index(temporary, rows)
