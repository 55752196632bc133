"""A page read back: its figures' numbers, its tables, its sentences; and runs to draw it from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from results import changed_summary

from cmgplan.planning.report.figures import feeder_view
from cmgplan.planning.report.page import render_page
from cmgplan.planning.result import PlanResult


@dataclass
class ReadTable:
    """Keys of the columns, and rows of (text, value) where value is None for text."""

    keys: list[str] = field(default_factory=list)
    rows: list[list[tuple[str, str | None]]] = field(default_factory=list)
    marked: list[int] = field(default_factory=list)

    def column(self, key: str) -> list[float]:
        """Return a numeric column, NaN where a cell is empty."""
        at = self.keys.index(key)
        return [float(row[at][1] or "nan") for row in self.rows]

    def texts(self, key: str) -> list[str]:
        """Return a column as shown."""
        at = self.keys.index(key)
        return [row[at][0] for row in self.rows]


class ReadPage(HTMLParser):
    """Figures by name, tables by name, and the visible text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.figures: dict[str, dict[str, Any]] = {}
        self.tables: dict[str, ReadTable] = {}
        self.text = ""
        self.tags: set[str] = set()
        self._script: str | None = None
        self._table: ReadTable | None = None
        self._cell: tuple[str, str | None] | None = None
        self._silent = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.add(tag)
        if tag == "script":
            self._script = told.get("id") or ""
        elif tag == "style":
            self._silent = True
        elif tag == "table":
            self._table = self.tables.setdefault(str(told["data-name"]), ReadTable())
        elif tag == "th" and self._table is not None:
            self._table.keys.append(str(told["data-key"]))
        elif tag == "tr" and self._table is not None and self._table.keys:
            if told.get("class") == "selected":
                self._table.marked.append(len(self._table.rows))
            self._table.rows.append([])
        elif tag == "td":
            self._cell = ("", told.get("data-value"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None
        elif tag == "style":
            self._silent = False
        elif tag == "table":
            self._table = None
        elif tag == "td" and self._cell is not None and self._table is not None:
            self._table.rows[-1].append(self._cell)
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            if self._script.startswith("data-"):
                self.figures[self._script.removeprefix("data-")] = json.loads(data)
            return
        if self._cell is not None:
            self._cell = (self._cell[0] + data, self._cell[1])
        if not self._silent:
            plain = data.replace("\N{NO-BREAK SPACE}", " ").replace("\N{WORD JOINER}", "")
            self.text += plain


def traces(figure: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the traces of a figure by name."""
    return {trace.get("name", ""): trace for trace in figure["data"]}


def page_of(result: PlanResult, **changed: Any) -> ReadPage:
    """Draw the page of a result and read it back; ``changed`` replaces keys of its summary."""
    summary = changed_summary(result.summary, **changed)
    # The drawing library is most of a page and tells nothing of a run.
    with patch("cmgplan.page.page.get_plotlyjs", return_value=""):
        return ReadPage(render_page(summary, result.tables, feeder_view(result.case)))


def with_tables(result: PlanResult, **tables: pd.DataFrame) -> PlanResult:
    """Return a result with other tables."""
    return replace(result, tables={**result.tables, **tables})


def rich(result: PlanResult) -> PlanResult:
    """Return the result with something to show in every figure."""
    shortage = result.tables["shortage"].copy()
    first = shortage["hour"] == 0
    shortage.loc[first & (shortage["level"] < 4), "surplus_kw"] = 7.5
    shortage.loc[~first & (shortage["level"] == 1), "surplus_kw"] = 2.25
    response = result.tables["demand_response"].copy()
    lower = response["level"] == "lower"
    sign = np.where(response["hour"] == 0, 1.0, -1.0)
    response.loc[lower, "p_after_kw"] += (sign * 0.1 * response["p_before_kw"])[lower]
    return with_tables(
        result, shortage=shortage, demand_response=response, pareto=front(result.tables["pareto"])
    )


def front(pareto: pd.DataFrame) -> pd.DataFrame:
    """Return a front of three points with values, one of them feasible, and two without."""
    first = pareto.iloc[0].to_dict()
    rows = []
    for k, (status, selected, gap) in enumerate(
        [("optimal", 0, 0.001), ("optimal", 1, 0.002), ("feasible", 0, 0.05)], start=1
    ):
        moved = {
            "gc_usd": first["gc_usd"] + 3.0 * k,
            "ec_usd": first["ec_usd"] - 2.0 * k * k,
            "loss_kwh": first["loss_kwh"] + 0.5 * k,
        }
        bound = moved["ec_usd"] - 10.0 * gap
        rows.append(
            {
                **first,
                **moved,
                "point": k,
                "status": status,
                "selected": selected,
                "bound_ec_usd": bound,
                "gap": gap,
            }
        )
    empty = dict.fromkeys(first, np.nan)
    rows += [
        {**empty, "point": k, "status": status, "selected": 0}
        for k, status in ((4, "limit"), (5, "infeasible"))
    ]
    return pd.DataFrame(rows, columns=list(pareto.columns))


def stretched(result: PlanResult, hours: int, dt_h: float) -> PlanResult:
    """Return the result with its two hours repeated over another horizon."""
    tables = {
        stem: table if "hour" not in table.columns else _repeated(table, hours)
        for stem, table in result.tables.items()
    }
    room = result.summary.model_dump()["headroom"]
    error = room["forecast_error"]
    summary = changed_summary(
        result.summary,
        case={"hours": hours, "dt_h": dt_h},
        headroom={
            "hourly": [{**room["hourly"][t % 2], "hour": t} for t in range(hours)],
            "forecast_error": {
                **error,
                "hours": [{**error["hours"][t % 2], "hour": t} for t in range(hours)],
            },
        },
    )
    return replace(result, tables=tables, summary=summary)


def _repeated(table: pd.DataFrame, hours: int) -> pd.DataFrame:
    parts = [table[table["hour"] == t % 2].assign(hour=t) for t in range(hours)]
    return pd.concat(parts, ignore_index=True)
