"""Starts a case of homes: example homes, an example day, weather drawn from hourly data."""

from cmgplan.homes.starter.new import NewHomes, new_homes

__all__ = ["NewHomes", "new_homes"]
