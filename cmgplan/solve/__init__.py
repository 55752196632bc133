"""The only place that calls a solver; every call returns an outcome."""

from cmgplan.solve.cones import Disk, QuadraticCone
from cmgplan.solve.linear import LinearProblem
from cmgplan.solve.outcome import Outcome, Stop

__all__ = ["Disk", "LinearProblem", "Outcome", "QuadraticCone", "Stop"]
