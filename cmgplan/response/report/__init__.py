"""Runs of demand response: their folder, verification, claims and page."""
