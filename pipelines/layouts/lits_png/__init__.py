"""Kaggle's `lits-png`: LiTS slices as PNG, two masks per slice, the split as CSV."""
