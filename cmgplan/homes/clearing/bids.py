"""Bids of homes in the pool: so many kW, in one hour and carrier, at a price or better."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from cmgplan.case.explain import nearest
from cmgplan.case.folder import CaseFolder
from cmgplan.case.rows import Placed, read_rows
from cmgplan.case.tables import read_table
from cmgplan.devices import Record
from cmgplan.devices.base import Finite, Id, NonNegative
from cmgplan.errors import Fault
from cmgplan.units import column_unit

BID_FILE = "bids.csv"

Side = Literal["sell", "buy"]

PoolCarrier = Literal["electricity", "heat"]


class Bid(Record):
    """Row of bids.csv: a step of a home's supply or demand curve in one hour.

    A seller asks at least ``price_per_kwh``, a buyer pays at most so much, in the case's currency.
    A home may give several steps, on both sides.
    """

    home: Id
    hour: Annotated[int, Field(ge=0)]
    carrier: PoolCarrier
    side: Side
    quantity_kw: NonNegative
    price_per_kwh: Finite


def read_bids(
    folder: CaseFolder, homes: Sequence[str], hours: int, faults: list[Fault], name: str = BID_FILE
) -> list[Bid]:
    """Return the sound rows of a table of bids, appending every fault of the others.

    Parameters
    ----------
    folder
        Folder of the case.
    homes
        Ids of the homes of the case.
    hours
        Number of intervals T; bids are for hours 0..T-1.
    faults
        Is added what is wrong, by row and column.
    name
        Name of the table.
    """
    table = read_table(folder, name, faults)
    if table is None:
        return []
    sound = []
    for placed in read_rows(table, Bid, faults):
        found = list(_row_faults(name, placed, homes, hours))
        faults.extend(found)
        if not found:
            sound.append(placed.record)
    return sound


def books(bids: Iterable[Bid]) -> dict[tuple[int, PoolCarrier], list[Bid]]:
    """Return the bids of every hour and carrier that has any, in their order."""
    found: dict[tuple[int, PoolCarrier], list[Bid]] = {}
    for bid in bids:
        found.setdefault((bid.hour, bid.carrier), []).append(bid)
    return found


def _row_faults(
    name: str, placed: Placed[Bid], homes: Sequence[str], hours: int
) -> Iterator[Fault]:
    """Yield what is wrong with a row that holds numbers and words of the right kind."""
    bid = placed.record
    if bid.home not in homes:
        mend = nearest(bid.home, homes, f"name one of {', '.join(homes)}")
        yield Fault(name, placed.where, f"home {bid.home} is not in the case", mend)
    if bid.hour >= hours:
        message = f"hour {bid.hour} is not in the case, which has {hours}"
        yield Fault(name, placed.where, message, f"give an hour from 0 to {hours - 1}")
    for column in ("quantity_kw", "price_per_kwh"):
        value, unit = getattr(bid, column), column_unit(column)
        if not unit.holds(value):
            message = f"{column} {value:g} is outside {unit.span} {unit.unit}"
            yield Fault(name, placed.where, message, f"give {unit.quantity} in {unit.unit}")
