"""Homes and buildings on a feeder: where they stand, and what they want there by hour."""
