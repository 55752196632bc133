"""Quantities of a run, told as data: where in run.json or in which columns they stand."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from cmgplan.run.tables import unguarded

Key = tuple[str, str]
"""Group and part that a value is of; both are empty where a quantity is one number."""

WHOLE: Key = ("", "")

EVERY = "*"
"""In a path of run.json: each key there, which names a part."""


class RunFiles:
    """Files of a run folder, each read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._record: dict[str, Any] | None = None
        self._tables: dict[str, pd.DataFrame] = {}

    @property
    def record(self) -> dict[str, Any]:
        """Content of run.json."""
        if self._record is None:
            text = (self.folder / "run.json").read_text(encoding="utf-8")
            self._record = dict(json.loads(text))
        return self._record

    @property
    def dt_h(self) -> float:
        """Hours of an interval."""
        return float(self.record["case"]["dt_h"])

    def table(self, stem: str) -> pd.DataFrame:
        """Return a table; without rows where the run has none of this name."""
        if stem not in self._tables:
            path = self.folder / f"{stem}.csv"
            self._tables[stem] = _read(path) if path.is_file() else pd.DataFrame()
        return self._tables[stem]


def _read(path: Path) -> pd.DataFrame:
    """Return a table of a run; ids are texts, and a home may be called NA."""
    ids = dict.fromkeys(("way", "home", "device", "kind", "carrier", "method"), str)
    return pd.read_csv(path, dtype=ids, keep_default_na=False, na_values=[""])


@dataclass(frozen=True)
class Told:
    """Numbers of run.json: those of some paths, less those of others.

    Keys of a path are parted by dots; ``*`` stands for each key there, which names a part.
    """

    plus: str
    minus: str = ""

    def read(self, run: RunFiles) -> dict[Key, float]:
        """Return the values; what is null or not there has none."""
        found = dict(_numbers(run.record, self.plus.split(".")))
        less = dict(_numbers(run.record, self.minus.split("."))) if self.minus else None
        return {
            ("", part): value - (0.0 if less is None else less[part])
            for part, value in found.items()
            if less is None or part in less
        }


def _numbers(value: Any, path: list[str], part: str = "") -> Iterator[tuple[str, float]]:
    """Yield parts and numbers at a path."""
    if not path:
        if isinstance(value, int | float) and isfinite(value):
            yield part, float(value)
        return
    if not isinstance(value, Mapping):
        return
    for key in value if path[0] == EVERY else [path[0]]:
        if key in value:
            of = f"{part} {key}".strip() if path[0] == EVERY else part
            yield from _numbers(value[key], path[1:], of)


@dataclass(frozen=True)
class Columns:
    """Columns of a table of the run, added up or averaged.

    Attributes
    ----------
    table
        File stem.
    columns
        Columns that are added; with ``each`` every column is a part, by the name given there.
    part, group
        Columns that name a part and a group of parts.
    where, but
        Rows that count: what a column holds, or does not hold.
    how
        ``sum``; ``energy``, the sum of kW times the hours of an interval; or ``mean``.
    positive
        Whether values below zero count as zero.
    each
        Columns by the part that each is.
    whole
        A column of which a part must have as many values as any other of its group, or else it is
        left out: structures of the market that lack homes are no match for those of all homes.
    """

    table: str
    columns: tuple[str, ...] = ()
    part: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    but: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    how: Literal["sum", "energy", "mean"] = "sum"
    positive: bool = False
    each: Mapping[str, str] = field(default_factory=dict)
    whole: str = ""

    def read(self, run: RunFiles) -> dict[Key, float]:
        """Return the values; a sum over no rows is 0, a mean of none is left out."""
        found: dict[Key, float] = {}
        for (group, part), rows in self._parts(run.table(self.table)):
            for name, column in (self.each or {part: ""}).items():
                value = self._value(rows, column, run)
                if isfinite(value):
                    found[group, name] = value
        return found

    def _value(self, rows: pd.DataFrame, column: str, run: RunFiles) -> float:
        values = pd.Series(0.0, rows.index)
        for name in (column,) if column else self.columns:
            told = rows[name].astype(float) if name in rows else pd.Series(0.0, rows.index)
            values = values + (told if self.how == "mean" else told.fillna(0.0))
        if self.positive:
            values = values.clip(lower=0.0)
        if self.how == "mean":
            return float(values.mean())
        return float(values.sum()) * (run.dt_h if self.how == "energy" else 1.0)

    def _counted(self, rows: pd.DataFrame, of: Collection[str]) -> pd.DataFrame:
        """Return the rows that count by what some columns hold."""
        for column in of:
            if column in self.where:
                rows = rows[rows[column].isin(self.where[column])]
            if column in self.but:
                rows = rows[~rows[column].isin(self.but[column])]
        return rows

    def _parts(self, table: pd.DataFrame) -> Iterator[tuple[Key, pd.DataFrame]]:
        """Yield the rows that count of each group and part, in the order of the table."""
        by = [*self.group, *self.part]
        others = [name for name in {**self.where, **self.but} if name not in by]
        if table.empty or not by:
            rows = table if table.empty else self._counted(table, others)
            yield from () if by else [(WHOLE, rows)]
            return
        most: dict[str, int] = {}
        parts = []
        for names, rows in self._counted(table, by).groupby(by, sort=False):
            mine = self._counted(rows, others)
            texts = [unguarded(str(name)) for name in names]
            group = " ".join(texts[: len(self.group)])
            part = " ".join(texts[len(self.group) :])
            count = mine[self.whole].nunique() if self.whole else 0
            most[group] = max(most.get(group, 0), count)
            parts.append(((group, part), mine, count))
        yield from ((key, rows) for key, rows, count in parts if count == most[key[0]])


@dataclass(frozen=True)
class Share:
    """One quantity as a share of the sum of some; with ``rest`` what is left of one.

    Where the sum is nothing there is no share.
    """

    of: Columns
    among: tuple[Columns, ...]
    rest: bool = False

    def read(self, run: RunFiles) -> dict[Key, float]:
        """Return the shares."""
        values = self.of.read(run)
        sums: dict[Key, float] = {}
        for one in self.among:
            for key, value in one.read(run).items():
                sums[key] = sums.get(key, 0.0) + value
        return {
            key: 1.0 - value / sums[key] if self.rest else value / sums[key]
            for key, value in values.items()
            if sums.get(key, 0.0) > LEAST_WHOLE
        }


LEAST_WHOLE = 1e-6
"""Sum of which no share is told, kWh or money."""

Source = Told | Columns | Share


def number_of(source: Source, run: RunFiles) -> float | None:
    """Return a quantity that is one number; None where there is none."""
    return source.read(run).get(WHOLE)
