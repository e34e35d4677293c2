"""Cases to batches: resizing, caching, sampling order, augmentation and the tf.data feed."""
