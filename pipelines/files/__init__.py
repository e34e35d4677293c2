"""Single files: PNG slices and masks, NIfTI volumes."""
