"""Dataset builders for TensorFlow Datasets over the readers. TensorFlow is imported by TFDS when it needs it."""
