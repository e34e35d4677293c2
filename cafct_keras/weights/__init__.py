"""Weights from elsewhere: reading checkpoints, matching tensors with variables, filling networks."""
