"""Ids that stand twice."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.errors import Fault


def repeated(file: str, what: str, places: Iterator[tuple[str, str]]) -> Iterator[Fault]:
    """Yield a fault for every id that was given before; ``places`` are (where, id)."""
    first: dict[str, str] = {}
    for where, name in places:
        if name in first:
            message = f"the {what} id {name} stands already at {first[name]}"
            yield Fault(file, where, message, "give it an id of its own")
        first.setdefault(name, where)
