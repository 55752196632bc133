"""A finished run of the market, read from its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cmgplan.errors import CmgplanError, InputError
from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.read_tables import read_dispatch, require_rows
from cmgplan.homes.day.tables import TABLES
from cmgplan.homes.report.run_folder import AGAIN, RunOfHomes, read_record
from cmgplan.market.case.ceilings import unserved_heat_price
from cmgplan.market.report.run_record import MCP, MarketRecord, StructureRecord
from cmgplan.run.tables import TableForm, read_tables

SYSTEM = "market"

FORMS: Mapping[str, TableForm] = {**TABLES, "mcp": MCP}
"""Form of every table of a run of the market, by file stem."""


@dataclass(frozen=True)
class MarketRun(RunOfHomes[MarketRecord]):
    """A finished run of the market as read from its folder."""

    def days(self, case: HomesCase) -> list[Day]:
        """Return the day of every structure as the tables hold it."""
        return [
            Day(
                way,
                read_dispatch(case, self.tables, way, homes),
                prices_of(self.tables["mcp"], way),
                unserved_per_kwh={"heat": unserved_heat_price(case)},
                backstopped=tuple(self.record.backstopped),
            )
            for way, homes in ways_of(self.record).items()
        ]


def members(structure: StructureRecord) -> list[str]:
    """Return the homes that take part in a structure."""
    return [*structure.leading, *structure.following]


def ways_of(record: MarketRecord) -> dict[str, list[str]]:
    """Return the homes that take part, by way: every structure, and several leaders at once."""
    found = {structure.structure: members(structure) for structure in record.structures}
    if (several := record.equilibrium) is not None:
        leading = [home for group in several.leaders for home in group]
        found[several.structure] = [*leading, *several.following]
    return found


def prices_of(mcp: pd.DataFrame, way: str) -> dict[Carrier, np.ndarray]:
    """Return the prices of a way by carrier, each of shape (T,); none of what is not traded."""
    rows = mcp[mcp["way"] == way].sort_values("hour")
    found: dict[Carrier, np.ndarray] = {}
    for carrier in ("electricity", "heat"):
        prices = rows.loc[rows["carrier"] == carrier, "price_per_kwh"].to_numpy(np.float64)
        if len(prices):
            found[carrier] = prices
    return found


def read_market(folder: Path | str) -> MarketRun:
    """Read the folder of a run of the market.

    Raises
    ------
    InputError
        It is no such run, or a file of it is missing or damaged.
    CaseError
        Its copy of the case cannot be used any more.
    """
    folder = Path(folder)
    record = read_record(folder, MarketRecord, SYSTEM)
    run = MarketRun(folder, record, read_tables(FORMS, folder, AGAIN))
    case = run.load_case()
    ways = ways_of(record)
    if len(ways) < len(record.structures) + (record.equilibrium is not None):
        told = "a structure stands there twice"
        raise InputError(f"{folder / 'run.json'}: {told}; {AGAIN}")
    for way, homes in ways.items():
        if len(set(homes)) < len(homes) or not set(homes) <= set(case.ids):
            told = f"structure {way} names homes twice, or that are not there"
            raise InputError(f"{folder / 'run.json'}: {told}; {AGAIN}")
    try:
        require_rows(case, run.tables, ways)
        _require_prices(case, run.tables["mcp"], set(ways))
    except CmgplanError as error:
        raise InputError(f"{folder}/{error}") from None
    return run


def _require_prices(case: HomesCase, mcp: pd.DataFrame, ways: set[str]) -> None:
    """Raise InputError unless prices stand for whole days of known ways and carriers."""
    for (way, carrier), rows in mcp.groupby(["way", "carrier"]):
        known = way in ways and carrier in ("electricity", "heat")
        if not known or sorted(rows["hour"]) != list(range(case.hours)):
            raise InputError(f"mcp.csv way {way}, carrier {carrier}: is no whole day; {AGAIN}")
