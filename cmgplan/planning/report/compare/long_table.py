"""The table of differences: a row for each quantity at a level, place and hour, a column a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from pandas._libs.missing import NAType

from cmgplan.planning.report.compare.runs import ComparedRun, Comparison
from cmgplan.planning.report.compare.totals import Total
from cmgplan.planning.report.goal import UNITS, WORDS, bounds_of, goal_of
from cmgplan.run.tables import guarded

KEY = ["quantity", "unit", "level", "place", "device", "hour"]

RELATIVE_LEAST = 1e-6
"""Values nearer to zero than this give no relative difference."""

_BY_HOUR = (
    ("loss", "upper_feeder_kw", "losses of the feeder", "upper"),
    ("loss", "upper_ties_kw", "losses of ties", "upper"),
    ("loss", "lower_feeder_kw", "losses of the feeder", "lower"),
    ("loss", "lower_ties_kw", "losses of ties", "lower"),
    ("loss", "without_cmg_kw", "losses of the feeder", "without_cmg"),
    ("upstream", "with_cmg_kw", "import from upstream", "upper"),
    ("upstream", "without_cmg_kw", "import from upstream", "without_cmg"),
)
_FRONT = (
    ("gc_usd", "front: generation cost", "$"),
    ("ec_usd", "front: emission cost", "$"),
    ("loss_kwh", "front: losses", "kWh"),
)
_BY_PLACE = (
    ("bus_voltage", "v_pu", "voltage", "pu", "bus"),
    ("nodal_injection", "p_kw", "injection", "kW", "bus"),
    ("shortage", "shortage_kw", "shortage", "kW", "microgrid"),
    ("shortage", "surplus_kw", "surplus", "kW", "microgrid"),
    ("demand_response", "p_after_kw", "demand after response", "kW", "place"),
    ("exchange", "p_kw", "exchange", "kW", "switch"),
    ("dispatch", "p_kw", "dispatch", "kW", "microgrid"),
    ("dispatch", "soc_kwh", "state of charge", "kWh", "microgrid"),
    ("switch_schedule", "closed", "closed", "0/1", "switch"),
)


def long_table(comparison: Comparison, totals: tuple[Total, ...]) -> pd.DataFrame:
    """Return every number that runs are compared by.

    Columns are ``quantity, unit, level, place, device, hour``, then ``value[RUN]`` for each run,
    then for each but the first ``difference[RUN]`` and ``relative[RUN]`` to the first, and
    ``within_gap[RUN]``: 1 where the difference is no more than the gap of the proofs, 0 where it
    is more, empty where nothing is proven. Differences of what cannot be compared are empty.
    """
    heads = _totals(comparison, totals)
    details = _with_differences(comparison, _details(comparison))
    table = pd.DataFrame({name: [*heads[name], *details[name]] for name in heads.columns})
    table["hour"] = table["hour"].astype("Int64")
    return table


def write_long_table(table: pd.DataFrame, path: Path) -> None:
    """Write the table as CSV, text guarded against spreadsheet formulas."""
    shown = table.rename(columns=guarded)
    for name in (name for name in KEY if name != "hour"):
        shown[name] = shown[name].map(guarded)
    shown.to_csv(path, index=False, float_format="%.10g", lineterminator="\n")


def _totals(comparison: Comparison, totals: tuple[Total, ...]) -> pd.DataFrame:
    """Return the rows of the totals and of what the levels leave over."""
    rows = []
    for total in totals:
        q = total.quantity
        row: dict[str, object] = dict.fromkeys(KEY, "")
        row |= {"quantity": q.name, "unit": q.unit, "level": q.level, "hour": None}
        for run, value in zip(comparison.runs, total.values, strict=True):
            row[f"value[{run.name}]"] = value
        for run, d in zip(comparison.others, total.differences, strict=True):
            row[f"difference[{run.name}]"] = d.amount
            row[f"relative[{run.name}]"] = d.relative
            known = d.open_by is not None and d.amount is not None
            row[f"within_gap[{run.name}]"] = float(d.verdict != "different") if known else None
        rows.append(row)
    columns = [*KEY, *_value_columns(comparison), *_difference_columns(comparison)]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype(dict.fromkeys(columns[len(KEY) :], "float64"))


def _details(comparison: Comparison) -> pd.DataFrame:
    """Return the values by hour and place: rows of any run, columns of all."""
    columns = []
    for run in comparison.runs:
        values = pd.concat(list(_of_run(run)), ignore_index=True)
        columns.append(values.set_index(KEY)["value"].rename(f"value[{run.name}]"))
    order = columns[0].index
    for column in columns[1:]:
        order = order.append(column.index.difference(order, sort=False))
    return pd.concat([column.reindex(order) for column in columns], axis=1).reset_index()


def _of_run(run: ComparedRun) -> Iterator[pd.DataFrame]:
    """Yield the values of a run, key and value."""
    front = run.tables["pareto"]
    for column, quantity, unit in _FRONT:
        rows = front.dropna(subset=[column])
        point = "point " + rows["point"].astype(str)
        yield _rows(quantity, unit, "lower", point, pd.NA, rows[column])
    goal, bounds = goal_of(front), bounds_of(front).dropna()
    if not bounds.empty:
        point = "point " + front.loc[bounds.index, "point"].astype(str)
        quantity = f"front: proven bound of {WORDS[goal]}"
        yield _rows(quantity, UNITS[goal], "lower", point, pd.NA, bounds)
    for stem, column, quantity, level in _BY_HOUR:
        table = run.tables[stem]
        yield _rows(quantity, "kW", level, "", table["hour"], table[column])
    for stem, column, quantity, unit, place in _BY_PLACE:
        table = run.tables[stem].dropna(subset=[column])
        if table.empty:
            continue
        levels = table["level"].astype(str) if "level" in table else "lower"
        device = table.get("device", "")
        yield _rows(quantity, unit, levels, table[place], table["hour"], table[column], device)


def _rows(
    quantity: str,
    unit: str,
    level: pd.Series[str] | str,
    place: pd.Series[str] | str,
    hour: pd.Series[int] | NAType,
    value: pd.Series[float],
    device: pd.Series[str] | str = "",
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "quantity": quantity,
            "unit": unit,
            "level": level,
            "place": place,
            "device": device,
            "hour": pd.Series(hour, index=value.index, dtype="Int64"),
            "value": value.astype("float64"),
        }
    )


def _with_differences(comparison: Comparison, table: pd.DataFrame) -> pd.DataFrame:
    """Add what each run differs from the first by, where an hour is the same hour."""
    before = table[f"value[{comparison.first.name}]"]
    size = before.abs().where(before.abs() > RELATIVE_LEAST)
    for other in comparison.others:
        amount = table[f"value[{other.name}]"] - before
        if not comparison.same_intervals(other):
            amount = amount * np.nan
        elif not comparison.same_horizon(other):
            amount = amount.where(table["hour"].notna())  # the others are sums over the horizon
        table[f"difference[{other.name}]"] = amount
        table[f"relative[{other.name}]"] = amount / size
        table[f"within_gap[{other.name}]"] = np.nan
    return table


def _value_columns(comparison: Comparison) -> list[str]:
    return [f"value[{run.name}]" for run in comparison.runs]


def _difference_columns(comparison: Comparison) -> list[str]:
    kinds = ("difference", "relative", "within_gap")
    return [f"{kind}[{run.name}]" for run in comparison.others for kind in kinds]
