"""A new case: written to a folder whole or not at all, from templates that keep text what it is."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import jinja2

from cmgplan.errors import CaseError, Fault, InputError, as_told

WINDOWS = os.name == "nt"
"""There a folder takes the place of no other, not even of an empty one."""

WIDTH = 96
COMMENT_COLUMN = 33


def start_case(
    folder: Path | str,
    fill: Callable[[Path], None],
    check: Callable[[Path], Sequence[Fault]],
) -> None:
    """Fill a folder that is empty or not there yet with the files of a case.

    Parameters
    ----------
    folder
        Where the case is to lie.
    fill
        Writes every file of the case into the folder that it is given.
    check
        Returns the faults of the case in a folder; with an error among them nothing is kept.

    Raises
    ------
    InputError
        The folder cannot be used.
    CaseError
        The case has errors.
    """
    place = free_place(folder)
    fresh = place.with_name(f".{place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir()
        fill(fresh)
        faults = [fault for fault in check(fresh) if fault.severity == "error"]
        if faults:
            raise CaseError(faults)
        if WINDOWS and place.is_dir():
            place.rmdir()
        fresh.replace(place)
    except OSError as error:
        raise as_told(error, place) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def free_place(folder: Path | str) -> Path:
    """Return the absolute place of a new case; InputError where something stands there."""
    place = Path(folder).absolute()
    try:
        if place.is_dir() and not any(place.iterdir()):
            return place
        taken = place.exists() or place.is_symlink()
    except (OSError, ValueError) as error:
        raise InputError(f"{str(folder)!r}: is no path ({error}); name another folder") from error
    if taken:
        raise InputError(f"{place}: is there already and not empty; name another folder")
    return place


def templates(package: str) -> jinja2.Environment:
    """Return the templates of a package, with filters for TOML, its comments and Markdown."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(
            lambda name: (files(package) / name).read_text(encoding="utf-8")
        ),
        autoescape=False,  # noqa: S701 - TOML and Markdown, each text through a filter of its own
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["toml"] = _toml_text
    environment.filters["comment"] = _one_line
    environment.filters["note"] = _comment_lines
    environment.filters["pad"] = _padded
    environment.filters["markdown"] = _markdown
    return environment


def _toml_text(text: str) -> str:
    """Return text as a basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    """Return text that can stand in a comment: one line of what can be printed."""
    return "".join(c if c.isprintable() else " " for c in text)


def _comment_lines(text: str) -> str:
    """Return a note as lines of comment."""
    return "\n".join(
        textwrap.wrap(
            _one_line(text),
            WIDTH,
            initial_indent="# - ",
            subsequent_indent="#   ",
            break_long_words=False,
        )
    )


def _padded(assignment: str) -> str:
    """Return an assignment with room up to the column of comments."""
    return f"{assignment:<{COMMENT_COLUMN - 1}} "


def _markdown(text: str) -> str:
    """Return text without what Markdown would take for marks."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in _one_line(text))
