"""`lits_slices`: slices with their labels as a TensorFlow dataset, the same from every layout."""

import dataclasses
import queue
import threading
from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow_datasets as tfds

from pipelines.case import SPLITS, Case, Source
from pipelines.resize import resize_images, resize_masks
from pipelines.slices import to_grey

AIR = -1024  # HU; what lies below is a scanner's padding
DENSEST = 3071
LABELS = {"liver": 1, "lesion": 2}
DESCRIPTION = """\
Axial CT slices of the abdomen with labels: 0 for background, 1 for liver, 2 for lesions of the liver. Each slice
carries its case, its patient and its place; the split is by patient.
"""


@dataclasses.dataclass(eq=False, kw_only=True)
class LitsSlicesConfig(tfds.core.BuilderConfig):
    """Where slices come from and how they are kept; the config's name is the source's layout.

    Attributes:
        source: the reader; None for a builder that only loads what was prepared before.
        size: height and width in pixels.
        window: Hounsfield units kept as 0 and as 255; None keeps Hounsfield units, clipped to -1024..3071. Grey sources
            stay as they are.
    """

    source: Source | None = None
    size: int = 256
    window: tuple[float, float] | None = None

    @property
    def intensity(self) -> str:
        """`"hu"`, `"grey"` or `"minmax"`, as in `Source`."""
        return "grey" if self.source.intensity == "hu" and self.window else self.source.intensity


class LitsSlices(tfds.core.GeneratorBasedBuilder):
    """Builder of `lits_slices`.

    Slices come in the order of their cases, so that neighbours in a case are neighbours in the data. Features: `image`
    `(size, size, 1)` uint8 or int16 HU; `label` `(size, size, 1)` uint8; `name`, `case`, `patient`; `slice`, the number
    within the case; `contiguous`; `spacing` `(3,)` float32, mm along (slice, row, column) before resizing, 0 where
    unknown.
    """

    VERSION = tfds.core.Version("1.0.0")
    name = "lits_slices"

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        plane = (config.size, config.size, 1)
        dtype = np.int16 if config.intensity == "hu" else np.uint8
        return self.dataset_info_from_configs(
            description=DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    # As bytes: TFDS otherwise spells out every pixel as a number of its own.
                    "image": tfds.features.Tensor(shape=plane, dtype=dtype, encoding="bytes"),
                    "label": tfds.features.Tensor(shape=plane, dtype=np.uint8, encoding="bytes"),
                    "name": tfds.features.Text(),
                    "case": tfds.features.Text(),
                    "patient": tfds.features.Text(),
                    "slice": np.int32,
                    "contiguous": np.bool_,
                    "spacing": tfds.features.Tensor(shape=(3,), dtype=np.float32),
                }
            ),
            metadata=tfds.core.MetadataDict(
                layout=config.source.layout,
                intensity=config.intensity,
                window=config.window,
                targets=list(config.source.targets),
                fingerprint=config.source.fingerprint(),
                notes=list(config.source.notes),
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {part: self._generate_examples(part) for part in SPLITS}

    def _generate_examples(self, part):
        config = self.builder_config
        number = 0
        for case in read_ahead(config.source.cases(part)):
            for example in examples_of(case, size=config.size, intensity=config.intensity, window=config.window):
                yield number, example
                number += 1


def examples_of(case: Case, *, size: int, intensity: str, window: tuple[float, float] | None) -> Iterator[dict]:
    """The features of a case's slices, in their order."""
    images = case.images
    if images.dtype == np.int16:
        images = np.clip(images, AIR, DENSEST) if intensity == "hu" else to_grey(images, window)
    images = resize_images(images, size, outside=AIR if intensity == "hu" else 0)
    labels = np.zeros(images.shape, np.uint8)
    for target, value in LABELS.items():
        if target in case.masks:
            labels[resize_masks(case.masks[target], size)] = value
    spacing = np.asarray(case.spacing or (0, 0, 0), np.float32)
    for number, (name, image, label) in enumerate(zip(case.slice_names, images, labels, strict=True)):
        yield {
            "image": image[..., None],
            "label": label[..., None],
            "name": name,
            "case": case.name,
            "patient": case.patient,
            "slice": number,
            "contiguous": case.contiguous,
            "spacing": spacing,
        }


def read_ahead(cases: Iterable[Case]) -> Iterator[Case]:
    """Reads the next case on a thread of its own while this one is being written."""
    waiting: queue.Queue = queue.Queue(maxsize=1)
    end = object()

    def read():
        try:
            for case in cases:
                waiting.put(case)
            waiting.put(end)
        except BaseException as error:
            waiting.put(error)

    threading.Thread(target=read, daemon=True).start()
    while (item := waiting.get()) is not end:
        if isinstance(item, BaseException):
            raise item
        yield item
