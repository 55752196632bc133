"""Why a solve stopped, kept apart from what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cmgplan.arrays import FloatArray


class Stop(StrEnum):
    """Why a solver stopped.

    ``LOCAL_OPTIMUM`` and ``LOCALLY_INFEASIBLE`` are what a local solver can say of a nonconvex
    problem; ``OPTIMAL`` and ``INFEASIBLE`` are proofs.
    """

    OPTIMAL = "optimal"
    LOCAL_OPTIMUM = "local optimum"
    FEASIBLE = "feasible, stopped by a limit"
    INFEASIBLE = "infeasible, proved"
    LOCALLY_INFEASIBLE = "locally infeasible"
    LIMIT = "stopped by a limit without an answer"
    UNBOUNDED = "unbounded"
    ERROR = "solver error"


ACCEPTED = frozenset({Stop.OPTIMAL, Stop.LOCAL_OPTIMUM, Stop.FEASIBLE})


@dataclass(frozen=True)
class Multipliers:
    """Multipliers of the variables' bounds and of the rows, positive at upper limits."""

    bounds: FloatArray
    rows: FloatArray


@dataclass(frozen=True)
class Outcome:
    """Result of one solve.

    Attributes
    ----------
    stop
        Why it stopped.
    value
        Objective of the answer held, or None.
    bound
        Proven lower bound of the minimum, or None where the solver proves none.
    x
        Values of the variables in column order; None unless ``stop`` is accepted.
    solver, message, wall_s, iterations
        Who solved it, the solver's own words, and how much work it was.
    multipliers
        Of the answer, where the solver gives them.
    broken
        Largest break of a row or bound where the solver stopped, None where it is not known.
    """

    stop: Stop
    value: float | None
    bound: float | None
    x: FloatArray | None
    solver: str
    message: str = ""
    wall_s: float = 0.0
    iterations: int = 0
    options: Mapping[str, object] = field(default_factory=dict)
    multipliers: Multipliers | None = None
    broken: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether numbers may be taken from this outcome."""
        return self.stop in ACCEPTED and self.x is not None

    def values(self) -> FloatArray:
        """Return the variables' values; an outcome without an answer is a programming error."""
        if self.x is None:
            raise ValueError(f"{self.solver} holds no answer: {self.stop} ({self.message})")
        return self.x
