"""Weights that others trained: readers of their files, and key tables into this library's models."""
