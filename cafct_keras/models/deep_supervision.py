"""Training a network by several outputs."""

import keras


class DeeplySupervised(keras.Model):
    """A network in training that has several outputs for the same masks.

    Its loss is the mean of the outputs' losses; its metrics are those of the last output, the one that is kept.
    """

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The mean of the outputs' losses, a scalar; arguments as for `keras.Model.compute_loss`."""
        loss = super().compute_loss
        return sum(loss(x, y, logits, sample_weight, training) for logits in y_pred) / len(y_pred)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The last output's metrics, a dictionary; arguments as for `keras.Model.compute_metrics`."""
        return super().compute_metrics(x, y, y_pred[-1], sample_weight)
