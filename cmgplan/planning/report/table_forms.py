"""Columns of every table of a plan's run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from cmgplan.run.tables import TableForm, read_csv, table_form, write_csv

TABLES: dict[str, TableForm] = {
    "pareto": table_form(
        "point",
        "status gc_usd ec_usd loss_kwh eps_gc_usd eps_loss_kwh mu_gc mu_ec mu_loss mu_min "
        "selected bound_ec_usd gap",
        ints="point selected",
        texts="status",
        empty="gc_usd ec_usd loss_kwh mu_gc mu_ec mu_loss mu_min eps_gc_usd eps_loss_kwh "
        "bound_ec_usd gap",
        optional={"minimised": "text", "bound": "float", "eps_ec_usd": "float"},
    ),
    "shortage": table_form(
        "level hour microgrid",
        "shortage_kw shortage_kvar surplus_kw",
        ints="level hour",
        texts="microgrid",
    ),
    "switch_schedule": table_form(
        "hour switch", "kind from to closed", ints="hour closed", texts="switch kind from to"
    ),
    "dispatch": table_form(
        "level hour microgrid device",
        "kind p_kw q_kvar soc_kwh",
        ints="level hour",
        texts="microgrid device kind",
        empty="soc_kwh",
    ),
    "exchange": table_form(
        "level hour switch",
        "kind from to p_kw q_kvar p_to_kw",
        ints="level hour",
        texts="switch kind from to",
    ),
    "nodal_injection": table_form("level hour bus", "p_kw q_kvar", ints="hour", texts="level bus"),
    "bus_voltage": table_form(
        "level hour bus", "v_pu", ints="hour", texts="level bus", empty="v_pu"
    ),
    "loss": table_form(
        "hour",
        "lower_feeder_kw lower_ties_kw upper_feeder_kw upper_ties_kw without_cmg_kw",
        ints="hour",
        empty="upper_feeder_kw without_cmg_kw",
    ),
    "upstream": table_form(
        "hour",
        "price_usd_per_mwh with_cmg_kw without_cmg_kw",
        ints="hour",
        empty="with_cmg_kw without_cmg_kw",
    ),
    "demand_response": table_form(
        "level hour place", "p_before_kw p_after_kw", ints="hour", texts="level place"
    ),
}
"""Form of every table by file stem. A table may carry more columns after these.

An hour whose power flow has no solution leaves its voltages, losses and import empty.
"""


POINT_TABLES = ("switch_schedule", "dispatch", "exchange")
"""Tables that every Pareto point has of its own."""


def write_table(stem: str, table: pd.DataFrame, folder: Path) -> None:
    """Write a table of a plan as ``folder/stem.csv``; ValueError if a column is missing."""
    write_csv(table, TABLES[stem], folder / f"{stem}.csv")


def read_table(stem: str, folder: Path) -> pd.DataFrame:
    """Read ``folder/stem.csv``; InputError names the file and what is wrong with it."""
    return read_csv(TABLES[stem], folder / f"{stem}.csv", "plan the case again")
