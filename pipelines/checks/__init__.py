"""Checks shared by all layouts, and findings as text."""
