"""Swin transformer: the blocks of which CTC-Net is built."""
