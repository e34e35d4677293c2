"""Pictures of the best, the median and the worst test case of an evaluated run: true and predicted lesions.

    python benchmarks/lits_pictures.py RUN EVALUATION --data lits_slices --out PNG

Of each case the slices with the most lesion pixels, and halfway through those that show a lesion, are drawn.
"""

import argparse
import csv
import pathlib

import numpy as np
from PIL import Image

import cafct_keras
from cafct_keras.training.plots import plot_samples

LESION = 2


def main() -> None:
    """Draws two slices of each of three cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("evaluation", type=pathlib.Path, help="folder that evaluate wrote")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()

    images, masks, names = [], [], []
    for title, case, dice in _three_cases(arguments.evaluation / "cases.csv"):
        for slice_id, mask in _two_slices(arguments.data, case):
            images.append(np.asarray(Image.open(arguments.data / "images" / f"{slice_id}.png")))
            masks.append((mask == LESION).astype(np.float32))
            names.append(f"{slice_id} ({title}, {dice:.2f})")
    grey = np.stack(images)
    model = cafct_keras.load_model(arguments.run)
    liver, lesion = np.moveaxis(model.predict(np.repeat(grey[..., None] / np.float32(255), 3, -1), verbose=0), -1, 0)
    plot_samples(grey, np.stack(masks), lesion * (liver > 0.5), names, arguments.out, title="Lesions of test cases")
    with Image.open(arguments.out) as picture:
        picture.convert("RGB").quantize(256).save(arguments.out, optimize=True)


def _three_cases(path: pathlib.Path) -> list[tuple[str, str, float]]:
    """Returns title, case and lesion Dice of the best, median and worst case that shows a lesion."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if (row["result"], row["target"]) == ("post-processed", "lesion")]
    shown = sorted((row for row in rows if int(row["lesions"])), key=lambda row: float(row["dice"]), reverse=True)
    chosen = zip(("best", "median", "worst"), (shown[0], shown[(len(shown) - 1) // 2], shown[-1]), strict=True)
    return [(title, row["case"], float(row["dice"])) for title, row in chosen]


def _two_slices(data: pathlib.Path, case: str) -> list[tuple[str, np.ndarray]]:
    masks = {path.stem: np.asarray(Image.open(path)) for path in sorted((data / "masks").glob(f"{case}_*.png"))}
    shown = [slice_id for slice_id, mask in masks.items() if (mask == LESION).any()]
    largest = max(shown, key=lambda slice_id: int((masks[slice_id] == LESION).sum()))
    halfway = next(each for each in shown[len(shown) // 2 :] + shown if each != largest or len(shown) == 1)
    return [(slice_id, masks[slice_id]) for slice_id in (largest, halfway)]


if __name__ == "__main__":
    main()
