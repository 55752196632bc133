"""Rules for the columns of the profiles file that a case names."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmgplan.case.explain import nearest
from cmgplan.case.folder import CASE_FILE
from cmgplan.case.profiles import PRICE_SUFFIX, is_price
from cmgplan.devices import Load, Photovoltaic, WindTurbine
from cmgplan.errors import Fault
from cmgplan.planning.case.draft import Draft
from cmgplan.plurals import counted
from cmgplan.units import SHARE, column_unit, in_known_unit


def check_forecasts(draft: Draft) -> Iterator[Fault]:
    """Yield columns that are named but not there, of the wrong kind, or there but not named."""
    if draft.columns is None:
        return
    named = list(_named_columns(draft))
    price = None if draft.grid is None else draft.grid.price_column
    for file, where, column in named:
        if column not in draft.columns:
            message = f"the column {column} is not in {draft.profile_file}"
            mend = nearest(column, draft.columns, "add the column")
            yield Fault(file, where, message, mend)
        elif is_price(column, price):
            message = f"the column {column} holds prices"
            yield Fault(file, where, message, "name a forecast between 0 and 1")
        elif (unit := column_unit(column)) is not SHARE:
            message = f"the column {column} holds {unit.quantity} in {unit.unit}, not shares"
            mend = f"name a forecast between 0 and 1, which does not end in {unit.suffix}"
            yield Fault(file, where, message, mend)
    if price is not None:
        yield from _price_faults(draft, price, draft.columns)
    everything_read = draft.file is not None and len(draft.buses) == len(draft.bus_ids or ())
    if everything_read:
        used = {column for _, _, column in named} | {price}
        for column in sorted(draft.columns - used):
            message = f"nothing uses the column {column}"
            yield Fault(draft.profile_file, "row 1", message, "name it or remove it", "warning")


def _named_columns(draft: Draft) -> Iterator[tuple[str, str, str]]:
    """Yield (file, where, column) of every forecast or profile that is named."""
    for where, _, device in draft.devices():
        if isinstance(device, WindTurbine | Photovoltaic):
            yield CASE_FILE, f"{where}.forecast", device.forecast
        elif isinstance(device, Load) and device.profile is not None:
            yield CASE_FILE, f"{where}.profile", device.profile
    if draft.network is not None and draft.network.load_profile is not None:
        yield CASE_FILE, "network.load_profile", draft.network.load_profile
    for placed in draft.buses:
        if placed.record.profile is not None:
            yield draft.bus_file, placed.where, placed.record.profile


def _price_faults(draft: Draft, price: str, columns: set[str]) -> Iterator[Fault]:
    """Yield what is wrong or worth knowing about the price column."""
    where = "grid.price_column"
    foreign = in_known_unit(price)
    if foreign is not None:
        message = f"prices are in $/MWh, not in the unit of {price}"
        yield Fault(CASE_FILE, where, message, f"{foreign[1]} and name the column {foreign[0]}")
    elif not price.endswith(PRICE_SUFFIX):
        message = f"the name {price} does not say that prices are in $/MWh"
        yield Fault(CASE_FILE, where, message, f"let it end in {PRICE_SUFFIX}", "warning")
    if price not in columns:
        message = f"the price column {price} is not in {draft.profile_file}"
        yield Fault(CASE_FILE, where, message, nearest(price, columns, "add the column"))
    values = draft.profiles.get(price)
    if values is not None and values.size and float(values.min()) < 0.0:
        message = f"the price is negative in {counted(int(np.sum(values < 0.0)), 'hour')}"
        mend = f"check that {values.min():g} $/MWh is meant"
        yield Fault(draft.profile_file, "", message, mend, "warning")
