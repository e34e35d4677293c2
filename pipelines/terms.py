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

_SNOMED = ("SCT", "SRT", "SNM3", "99SDM")
# Codes that other tools give segments of the targets; those of SNOMED before 2013 begin with a letter.
_CODES = {
    _SNOMED: {
        LIVER: ("10200004", "T-62000", "181268008"),
        LESION: (
            *("52988006", "M-01000"),  # lesion
            *("4147007", "M-03000"),  # mass
            *("108369006", "M-80000", "M-80003", "1240414004", "M-80006"),  # neoplasm, malignant, metastatic
            *("86049000", "14799000", "363346000", "126851005", "93870000", "94381002"),  # of the liver too
            *("25370001", "109841003", "M-81703", "187769009"),  # hepatocellular carcinoma
        ),
    },
    ("FMA",): {LIVER: ("7197",), LESION: ()},
    ("NCIt", "NCIT"): {LIVER: ("C12392",), LESION: ("C3824", "C3262", "C3671", "C9305", "C3261", "C3099")},
}


def target_of_code(scheme: str, value: str) -> str | None:
    """The target that a coded type of segment stands for; None if it is neither, or not known here."""
    for schemes, targets in _CODES.items():
        for target, values in targets.items():
            if scheme in schemes and value in values:
                return target
    return None
