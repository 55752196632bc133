"""The cases that come with the package, found by their names."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from cmgplan.case.folder import CASE_FILE

_PACKAGE = Path(__file__).resolve().parents[1]

HOMES = (_PACKAGE / "cases", _PACKAGE.parent / "cases")
"""Where they lie: inside an installed package, or beside the package in its repository."""


@dataclass(frozen=True)
class BundledCase:
    """A case that comes with the package."""

    name: str
    title: str
    folder: Path
    system: str = "planning"


def bundled_names() -> tuple[str, ...]:
    """Return the names of the cases that come with the package, sorted."""
    return tuple(sorted(_folders()))


def bundled_cases() -> tuple[BundledCase, ...]:
    """Return the cases that come with the package, sorted by name."""
    found = []
    for name, folder in sorted(_folders().items()):
        about = tomllib.loads((folder / CASE_FILE).read_text(encoding="utf-8"))
        title, system = str(about.get("title", "")), str(about.get("system", "planning"))
        found.append(BundledCase(name, title, folder, system))
    return tuple(found)


def find_case(given: Path | str) -> Path:
    """Return the folder that a name stands for: one that is there, else the bundled case.

    What is neither is returned as it was given.
    """
    path = Path(given)
    if path.name != str(path) or (path / CASE_FILE).is_file():
        return path
    return _folders().get(path.name, path)


def is_bundled(given: Path | str) -> bool:
    """Return whether a name stands for a bundled case."""
    return find_case(given) != Path(given)


def known_cases(given: Path | str) -> str:
    """Return what to do where a name stands for no case."""
    names = bundled_names()
    near = get_close_matches(Path(given).name, names, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    bundled = f", or a bundled case: {', '.join(names)}" if names else ""
    return f"{meant}give a folder with a {CASE_FILE}{bundled}"


def _folders() -> dict[str, Path]:
    """Return the folders of the bundled cases by name."""
    home = next((home for home in HOMES if home.is_dir()), None)
    if home is None:
        return {}
    return {path.parent.name: path.parent for path in home.glob(f"*/{CASE_FILE}")}
