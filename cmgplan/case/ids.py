"""The name of a case, and ids that stand twice."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.case.explain import shown
from cmgplan.case.folder import CASE_FILE
from cmgplan.errors import Fault


def check_name(name: object) -> Iterator[Fault]:
    """Yield a fault for the name of a case that cannot name a folder."""
    if isinstance(name, str) and (set("/\\\0") & set(name) or name in (".", "..")):
        message = f"{shown(name)} cannot name a folder"
        yield Fault(CASE_FILE, "name", message, "leave out slashes and dots")


def repeated(file: str, what: str, places: Iterator[tuple[str, str]]) -> Iterator[Fault]:
    """Yield a fault for every id that was given before; ``places`` are (where, id)."""
    first: dict[str, str] = {}
    for where, name in places:
        if name in first:
            message = f"the {what} id {name} stands already at {first[name]}"
            yield Fault(file, where, message, "give it an id of its own")
        first.setdefault(name, where)
