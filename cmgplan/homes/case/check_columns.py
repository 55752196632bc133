"""Rules for the columns of the profiles that a case of homes names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cmgplan.case.explain import nearest, shown
from cmgplan.case.folder import CASE_FILE
from cmgplan.devices import HOME_KINDS
from cmgplan.errors import Fault
from cmgplan.homes.case.draft import Draft
from cmgplan.units import PRICE, SHARE, ColumnUnit, column_unit, unit_of

SECTION_KEYS: Mapping[str, tuple[str, ...]] = {
    "retailer": ("buy_per_kwh", "sell_per_kwh", "emission_kg_per_kwh"),
    "gas": ("price_per_kwh", "emission_kg_per_kwh"),
    "pool": ("heat_price_max_per_kwh",),
    "market": ("predicted_per_kwh",),
    "building": ("price_coefficient", "power_coefficient"),
    "response": ("forecast_per_kwh",),
}
"""Keys of the sections that may name a column."""

FACTOR_KEYS = frozenset({"price_coefficient", "power_coefficient", "cop"})
"""Keys whose column has no unit and holds factors of any size."""

SIGNED_KEYS = frozenset(
    {"buy_per_kwh", "sell_per_kwh", "price_per_kwh", "predicted_per_kwh", "forecast_per_kwh"}
)
"""Keys whose column may hold values below 0."""

ALWAYS_COLUMNS = frozenset({"forecast", "profile", "load_profile"})
"""Keys that hold no number."""


@dataclass(frozen=True)
class Named:
    """A column that is named: where, by which key, and whether that key of a load has a profile."""

    file: str
    where: str
    key: str
    column: str
    has_profile: bool = False


def check_columns(draft: Draft) -> Iterator[Fault]:
    """Yield columns that are named but not there, of the wrong kind, or there but not named."""
    if draft.columns is None:
        return
    named = list(named_columns(draft))
    for each in named:
        if each.column in draft.columns:
            yield from _unit_faults(each)
            yield from _range_faults(draft, each)
        else:
            yield _dangling(draft, each, draft.columns)
    if draft.file is not None and len(draft.buses) == len(draft.bus_ids or ()):
        for column in sorted(draft.columns - {each.column for each in named}):
            message = f"nothing uses the column {column}"
            yield Fault(draft.profile_file, "row 1", message, "name it or remove it", "warning")


def named_columns(draft: Draft) -> Iterator[Named]:
    """Yield every column that case.toml or buses.csv names, in faulty records too."""
    for section, keys in SECTION_KEYS.items():
        yield from _in_table(section, draft.raw.get(section), keys)
    homes = draft.raw.get("home")
    for k, home in enumerate(homes if isinstance(homes, tuple) else ()):
        for kind, model in HOME_KINDS.items():
            listed = home.get(kind) if isinstance(home, Mapping) else None
            for n, device in enumerate(listed if isinstance(listed, tuple) else ()):
                yield from _in_table(f"home[{k}].{kind}[{n}]", device, model.column_keys)
    if draft.network is not None and draft.network.load_profile is not None:
        column = draft.network.load_profile
        yield Named(CASE_FILE, "network.load_profile", "load_profile", column)
    for placed in draft.buses:
        if placed.record.profile is not None:
            yield Named(draft.bus_file, placed.where, "profile", placed.record.profile)


def _in_table(where: str, table: object, keys: tuple[str, ...]) -> Iterator[Named]:
    """Yield the columns that keys of one table name."""
    if not isinstance(table, Mapping):
        return
    for key in keys:
        value = table.get(key)
        number = isinstance(value, int) and not isinstance(value, bool)
        if (isinstance(value, str) and value) or (number and key in ALWAYS_COLUMNS):
            yield Named(CASE_FILE, f"{where}.{key}", key, str(value), "profile" in table)


def wanted(key: str) -> tuple[ColumnUnit, ...]:
    """Return the units that the column of a key may have."""
    if key == "forecast":
        return SHARE, column_unit("_kw")
    return (SHARE if key in FACTOR_KEYS else column_unit(key),)


def _dangling(draft: Draft, each: Named, columns: set[str]) -> Fault:
    """Return the fault of a column that is not there."""
    message = f"the column {shown(each.column)} is not in {draft.profile_file}"
    mend = nearest(each.column, columns, "add the column")
    if each.column[:1].isdigit() and each.key not in ALWAYS_COLUMNS:
        unit = unit_of(each.key)
        mend = f"give a number{f' in {unit}' if unit else ''} without quotes, or name a column"
    return Fault(each.file, each.where, message.replace('"', ""), mend)


def _unit_faults(each: Named) -> Iterator[Fault]:
    """Yield a fault where a column's unit is not one that its key wants."""
    unit, fitting = column_unit(each.column), wanted(each.key)
    if unit in fitting or _told_by_the_load(each, unit):
        return
    holds = f"{unit.quantity} in {unit.unit}" if unit.unit else unit.quantity
    message = f"the column {each.column} holds {holds}"
    if unit is PRICE and "_per_kwh" in {want.suffix for want in fitting}:
        name = each.column.removesuffix(PRICE.suffix) + "_per_kwh"
        mend = f"multiply it by 0.001 and call it {name}"
    elif each.key in FACTOR_KEYS:
        mend = "name a column of factors, which ends in no unit"
    elif fitting[0] is SHARE:
        mend = "name a forecast between 0 and 1, which ends in no unit"
    else:
        mend = f"name a column of {fitting[0].quantity} that ends in {fitting[0].suffix}"
    yield Fault(each.file, each.where, message, mend)


def _told_by_the_load(each: Named, unit: ColumnUnit) -> bool:
    """Return whether the record of a load says itself what is wrong with the unit."""
    if ".load[" not in each.where:
        return False
    return (each.key == "p_kw" and not each.has_profile) or (
        each.key == "profile" and unit.suffix == "_kw"
    )


def _range_faults(draft: Draft, each: Named) -> Iterator[Fault]:
    """Yield a fault where the values of a column are outside what its key allows."""
    values = draft.profiles.get(each.column)
    if values is None or not values.size:
        return
    if each.key not in SIGNED_KEYS and values.min() < 0.0:
        hour = int(values.argmin())
        message = f"the column {each.column} is {values[hour]:g} in hour {hour}"
        yield Fault(each.file, each.where, message, "give 0 or more in every hour")
    shares = wanted(each.key)[0] is SHARE and each.key not in FACTOR_KEYS
    if shares and column_unit(each.column) is SHARE and values.max() > 1.0:
        hour = int(values.argmax())
        message = f"the column {each.column} is {values[hour]:g} in hour {hour}, not a share"
        yield Fault(each.file, each.where, message, "name a column of values between 0 and 1")
