"""The radial configuration of least loss, with a proven bound."""
