"""Checks that all layouts share."""
