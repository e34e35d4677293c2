"""Measurements of masks: components, their size, place and diameters, volumes and tumour burden. Needs no network."""
