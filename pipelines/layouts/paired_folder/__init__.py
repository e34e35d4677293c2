"""Folders of PNG slices with one mask per slice."""
