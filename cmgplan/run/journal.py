"""What a plan under way has proven so far, kept beside the place of its run.

A run folder is written whole or not at all; the journal is what is left of a plan that was
killed, interrupted or stopped by a limit on the way.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cmgplan.errors import as_told
from cmgplan.run.moving import move


def journal_path(out: Path) -> Path:
    """Return the file beside a run folder that holds the front of a plan under way."""
    place = out.resolve()
    return place.with_name(f"{place.name}.front.json")


class Journal:
    """The front so far, rewritten after each point by a rename."""

    def __init__(self, out: Path, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self.path = journal_path(out)
        self.points = 0
        self._told = False

    def write(self, front: Mapping[str, Any]) -> None:
        """Put the front so far in place of the earlier one; a plan goes on without a journal."""
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            fresh.write_text(json.dumps(front, indent=1, allow_nan=False) + "\n", encoding="utf-8")
            move(fresh, self.path)
        except OSError as error:
            if not self._told:
                self._warn(f"warning: the front so far is not kept: {as_told(error, self.path)}")
            self._told = True
            return
        finally:
            fresh.unlink(missing_ok=True)
        self.points = len(front["points"])


@contextmanager
def kept(out: Path, warn: Callable[[str], None]) -> Iterator[Journal]:
    """Keep a journal while a plan is under way; say where it is if the plan does not finish."""
    journal = Journal(out, warn)
    journal.path.unlink(missing_ok=True)
    try:
        yield journal
    except BaseException:
        if journal.points:
            warn(
                f"the plan is not finished; its points so far ({journal.points}) are in "
                f"{journal.path}"
            )
        raise
    journal.path.unlink(missing_ok=True)
