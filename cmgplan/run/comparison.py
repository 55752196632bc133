"""What every comparison of runs has: its folder, and names that tell the runs apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cmgplan.run.folder import FolderKind, place_of

COMPARISON = FolderKind("a comparison", "cmgplan-compare.json")

LEAST_RUNS = 2
"""Runs that a comparison needs."""


def beside(run_folder: Path, what: str) -> Path:
    """Return the place beside a run for what is made of it."""
    place = place_of(run_folder)
    return place.with_name(f"{place.name}-{what}")


def unique_names(folders: Sequence[Path]) -> list[str]:
    """Return the folders' names, longer by parent folders where two are alike.

    A run that is given twice gets a number.
    """
    places = [folder.resolve() for folder in folders]
    names = []
    for place in places:
        length = 1
        alike = [other for other in places if other != place]
        while length < len(place.parts) - 1 and any(
            other.parts[-length:] == place.parts[-length:] for other in alike
        ):
            length += 1
        names.append("/".join(place.parts[-length:]) or str(place))
    for k, name in enumerate(names):
        again = names[:k].count(name)
        if again:
            names[k] = _free(f"{name} ({again + 1})", names)
    return names


def _free(name: str, taken: Sequence[str]) -> str:
    """Return a name that is not taken."""
    while name in taken:
        name = f"{name}'"
    return name
