"""Runs beside each other: what was asked differently and what came of it."""
