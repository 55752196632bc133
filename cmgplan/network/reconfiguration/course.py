"""How value and bound came together over the time."""

from __future__ import annotations

import time

import numpy as np


class Course:
    """Records value and bound when either of them changes.

    Parameters
    ----------
    begun
        When the run began, as ``time.perf_counter`` has it.

    Attributes
    ----------
    factor
        What noted figures are multiplied by.
    points
        Seconds, value (None where none is held yet) and bound.
    """

    def __init__(self, begun: float, factor: float = 1.0) -> None:
        self._begun, self.factor = begun, factor
        self.points: list[tuple[float, float | None, float]] = []

    def note(self, value: float, bound: float) -> None:
        """Note a value, infinite where none is held, and a bound."""
        held = None if not np.isfinite(value) else value * self.factor
        proven = bound * self.factor
        if not self.points or self.points[-1][1:] != (held, proven):
            self.points.append((time.perf_counter() - self._begun, held, proven))
