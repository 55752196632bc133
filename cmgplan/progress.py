"""Progress of long work, told while it is under way."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ProgressEvent:
    """A step of the work, told while it is under way.

    Attributes
    ----------
    stage
        Short name of the stage, for instance ``level 4``.
    message
        One plain sentence.
    point, points
        Pareto point under work, counted from 1, and how many there are.
    gap
        Relative gap held so far.
    fraction
        Share of the whole plan that is done, 0..1.
    """

    stage: str
    message: str
    point: int | None = None
    points: int | None = None
    gap: float | None = None
    fraction: float | None = None
