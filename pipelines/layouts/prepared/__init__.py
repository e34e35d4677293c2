"""Prepared TFDS datasets."""
