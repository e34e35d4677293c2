"""Weights from elsewhere: reading a checkpoint, naming its tensors as the variables here are named, filling encoders.

It knows layers, but no network: `cafct_keras.models.load_weights` is what puts the parts together.
"""
