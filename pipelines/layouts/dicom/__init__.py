"""Folders of DICOM CT slices, with masks as DICOM SEG, NRRD or NIfTI."""
