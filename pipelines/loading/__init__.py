"""From cases to batches: resizing, caching, sampling order, augmentation and the tf.data stream."""
