"""Progress of long work, told while it is under way.

Whoever uses the package as a library sees it in the log: events go to the logger ``cmgplan`` at
level INFO, notes that nothing else tells at WARNING. It is silent until logging is configured.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

LOGGER = logging.getLogger("cmgplan")
LOGGER.addHandler(logging.NullHandler())


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

    @property
    def step(self) -> tuple[str, int | None, str]:
        """What the event is a step of: events of one step differ in what they have reached."""
        return self.stage, self.point, self.message.partition(":")[0]

    def __str__(self) -> str:
        """Return the event as one line: stage, point, gap so far, message."""
        parts = [self.stage]
        if self.point is not None:
            of = "" if self.points is None else f" of {self.points}"
            parts.append(f"point {self.point}{of}")
        if self.gap is not None:
            parts.append(f"gap {100 * self.gap:.2f} %")
        return f"{', '.join(parts)}: {self.message}"


Progress = Callable[[ProgressEvent], None]
"""What is called with every event."""


def telling(progress: Progress | None) -> Progress:
    """Return a function that logs an event and hands it to ``progress``, where there is one."""

    def tell(event: ProgressEvent) -> None:
        LOGGER.info("%s", event)
        if progress is not None:
            progress(event)

    return tell
