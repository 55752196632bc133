"""How the run folder of a plan held in a scenario is known."""

from __future__ import annotations

from pathlib import Path

HOLD_FILE = "hold.json"
"""What marks such a folder."""

UNANSWERED = ("locally infeasible", "no answer")
"""Status of Levels 5 and 6 in held.csv where they have no solution."""

NOT_CHECKED = (
    "not checked: that no operation is better or serves more, that a point or Levels 5 and 6 "
    "without a solution have none, the bound of wait and see, and that switches and caps are "
    "those of the plan"
)
"""What would take the search or the plan."""


def is_held(folder: Path) -> bool:
    """Return whether a folder holds a plan held in a scenario."""
    return (folder / HOLD_FILE).is_file()
