"""Printed bounds come to again."""
