"""Runs of the building: their folder, verification and page."""
