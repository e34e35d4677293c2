"""Dataset builders for TensorFlow Datasets, over the readers of all layouts."""
