"""Other tuned numbers of the switch search than the usual ones, for the time of a test."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest

ROOM = "cmgplan.planning.switch_search"


def tune(monkeypatch: pytest.MonkeyPatch, theme: str, **changes: Any) -> None:
    """Change numbers of one theme in every module of the search."""
    modules = [module for name, module in sys.modules.items() if name.startswith(ROOM)]
    changed = 0
    for module in modules:
        tuning = getattr(module, "TUNING", None)
        if tuning is not None:
            other = replace(tuning, **{theme: replace(getattr(tuning, theme), **changes)})
            monkeypatch.setattr(module, "TUNING", other)
            changed += 1
    assert changed > 5
