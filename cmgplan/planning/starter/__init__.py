"""A case to start from: a network file turned into a feeder with two example microgrids."""

from cmgplan.planning.starter.new import NewCase, new_case

__all__ = ["NewCase", "new_case"]
