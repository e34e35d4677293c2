"""Measurements of masks: components, their size, place and diameters, volumes and tumour burden. Needs no network."""

from cafct_keras.measurement.measurements import LesionMeasurements, Measurements, measure
from cafct_keras.measurement.writing import read_measurements, write_measurements

__all__ = ["LesionMeasurements", "Measurements", "measure", "read_measurements", "write_measurements"]
