"""Parts of a page: charts, tables and notes in sections."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go

from cmgplan.page.data_table import DataTable


@dataclass(frozen=True)
class Chart:
    """A figure under its heading; without one the sentence says why there is nothing to show.

    ``half`` leaves room for another beside it.
    """

    name: str
    title: str
    sentence: str
    figure: go.Figure | None
    half: bool = False


@dataclass(frozen=True)
class Note:
    """Sentences under a heading."""

    title: str
    sentences: tuple[str, ...]


Part = Chart | DataTable | Note


@dataclass(frozen=True)
class Section:
    """A part of the page.

    ``view`` names the one of several days that it shows; the reader chooses which is shown.
    """

    name: str
    title: str
    parts: tuple[Part, ...]
    view: str = ""


@dataclass(frozen=True)
class Box:
    """One of the boxes at the top."""

    name: str
    text: str
    well: bool


@dataclass(frozen=True)
class Overview:
    """What stands at the top of the page."""

    good: bool
    verdict: str
    against: str
    boxes: tuple[Box, ...]
    totals: DataTable
    faults: tuple[str, ...]
    warnings: tuple[str, ...]
