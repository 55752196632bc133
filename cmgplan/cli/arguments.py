"""Arguments that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

CaseFolder = Annotated[
    Path, typer.Argument(metavar="CASE", help="Folder of the case, or the name of a bundled one.")
]
Day = Annotated[
    str | None, typer.Option(metavar="DATE", help="Day to plan out of longer profiles.")
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.")]
Mix = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Load mix of a case of homes; the first by default."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def folder_name(case: str, day: object = None) -> str:
    """Return a name for a run's folder that no case's name can lead out of its place."""
    name = case if day is None else f"{case}-{day}"
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "case"
