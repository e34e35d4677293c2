"""Folders of predicted and reference masks, for scoring."""
