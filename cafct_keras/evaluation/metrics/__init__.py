"""Measures of masks: overlap, surface distances, lesion detection, volumes, calibration, and their intervals."""
