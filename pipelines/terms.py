"""Coded terms of the targets, from SNOMED CT."""

import dataclasses

from pipelines.targets import LESION, LIVER


@dataclasses.dataclass(frozen=True, kw_only=True)
class Term:
    """What a target is.

    Attributes:
        category: code and meaning of its SegmentedPropertyCategory, from CID 7150.
        kind: of its SegmentedPropertyType.
        site: of the organ that it is in; None for the organ itself.
        color: recommended for display, sRGB.
    """

    category: tuple[str, str]
    kind: tuple[str, str]
    site: tuple[str, str] | None
    color: tuple[int, int, int]

    @property
    def terminology_entry(self) -> str:
        """As 3D Slicer writes it into the header of a segmentation."""
        no_modifier = no_region = "^^"
        terms = ("^".join(("SCT", *code)) if code else no_region for code in (self.category, self.kind, self.site))
        category, kind, site = terms
        return "~".join(
            (
                "Segmentation category and type - DICOM master list",
                category,
                kind,
                no_modifier,
                "Anatomic codes - DICOM master list",
                site,
                no_modifier,
            )
        )


_LIVER = ("10200004", "Liver")
TERMS = {
    LIVER: Term(category=("91723000", "Anatomical Structure"), kind=_LIVER, site=None, color=(221, 130, 101)),
    LESION: Term(
        category=("49755003", "Morphologically Abnormal Structure"),
        kind=("52988006", "Lesion"),
        site=_LIVER,
        color=(144, 238, 144),
    ),
}
