"""What a plan under way has proven so far, kept beside the place of its run.

A run folder is written whole or not at all; the journal is what is left of a plan that was
killed, interrupted or stopped by a limit on the way.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cmgplan import console


def journal_path(out: Path) -> Path:
    """Return the file beside a run folder that holds the front of a plan under way."""
    place = out.resolve()
    return place.with_name(f"{place.name}.front.json")


class Journal:
    """The front so far, rewritten after each point by a rename."""

    def __init__(self, out: Path) -> None:
        self.path = journal_path(out)
        self.points = 0

    def write(self, front: Mapping[str, Any]) -> None:
        """Put the front so far in place of the earlier one."""
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        fresh.write_text(json.dumps(front, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        fresh.replace(self.path)
        self.points = len(front["points"])


@contextmanager
def kept(out: Path) -> Iterator[Journal]:
    """Keep a journal while a plan is under way; say where it is if the plan does not finish."""
    journal = Journal(out)
    journal.path.unlink(missing_ok=True)
    try:
        yield journal
    except BaseException:
        if journal.points:
            console.warn(
                f"the plan is not finished; its points so far ({journal.points}) are in "
                f"{journal.path}"
            )
        raise
    journal.path.unlink(missing_ok=True)
