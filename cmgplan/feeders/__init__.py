"""Runs about any feeder, kept as folders: its radial configuration, its reliability."""
