"""Optimisers."""


def make_optimizer():
    pass
