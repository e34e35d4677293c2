"""Seeded probabilities, no two of which lie on the edge of a bin: tools differ in the side that an edge belongs to."""

import functools

import numpy as np

from cafct_keras.evaluation import Calibration


@functools.cache
def probabilities():
    """Probability and truth `(slices, H, W)`; overconfident."""
    generator = np.random.default_rng(17)
    truth = generator.random((6, 40, 40)) < np.linspace(0, 0.6, 6)[:, None, None]
    probability = 1 / (1 + np.exp(-generator.normal(np.where(truth, 1.0, -1.5), 2.0)))
    return probability, truth


@functools.cache
def calibration():
    """This project's, of `probabilities`."""
    result = Calibration()
    result.add(*probabilities())
    return result
