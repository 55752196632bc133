"""Runs of the market: their folder, verification and page."""
