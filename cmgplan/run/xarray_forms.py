"""Tables of a run as xarray datasets: the columns that name a row become axes."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cmgplan.errors import InputError
from cmgplan.run.tables import TableForm, Tables

if TYPE_CHECKING:
    import xarray

UNITS = {
    "_usd_per_mwh": "USD/MWh",
    "_per_kwh": "currency/kWh",
    "_kvar": "kvar",
    "_kwh": "kWh",
    "_usd": "USD",
    "_kw": "kW",
    "_kg": "kg",
    "_pu": "pu",
}
"""Units by the end of a column's name, the longest first."""


def as_tree(tables: Tables, forms: Mapping[str, TableForm]) -> xarray.DataTree:
    """Return every table that has a form as a dataset of one tree.

    Raises
    ------
    InputError
        xarray is not installed.
    """
    try:
        xr: Any = import_module("xarray")
    except ModuleNotFoundError as error:
        raise InputError(
            "xarray is not installed; install it with cmgplan: pip install 'cmgplan[xarray]'"
        ) from error
    found = {stem: tables[stem] for stem in forms if stem in tables}
    data = {name: _dataset(table, forms[name].key) for name, table in found.items()}
    tree: xarray.DataTree = xr.DataTree.from_dict(data)
    return tree


def _dataset(table: Any, key: tuple[str, ...]) -> Any:
    """Return a table over the product of its keys; what has no row is NaN."""
    data = table.set_index(list(key)).to_xarray()
    for name, values in data.data_vars.items():
        unit = next((unit for end, unit in UNITS.items() if str(name).endswith(end)), None)
        if unit is not None:
            values.attrs["units"] = unit
    return data
