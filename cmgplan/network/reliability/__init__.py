"""Reliability indices of a radial feeder over all single faults."""
