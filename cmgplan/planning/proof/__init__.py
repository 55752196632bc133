"""Printed bounds of a run proved a second time."""
