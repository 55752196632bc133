"""Writes a case of homes: an example day, a commented case.toml and the sources of both."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import ascii_uppercase

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.case.folder import CASE_FILE, SOURCES_FILE, CaseFolder
from cmgplan.case.profiles import read_profiles
from cmgplan.case.starting import free_place, start_case, templates
from cmgplan.case.tables import read_table
from cmgplan.errors import CaseError, Fault, InputError
from cmgplan.homes.case.read import check_homes
from cmgplan.homes.starter.weather import Weather, fit_weather, sun_share, wind_share
from cmgplan.plurals import counted

EXAMPLE_DAY = "example_day.csv"
MOST_HOMES = 26
PRICES = ("hour", "buy_per_kwh", "sell_per_kwh")
KINDS = {
    "house": ("house", "heating", "sun"),
    "flats": ("flats", "heating", "wind"),
    "commuter": ("house", "heating", "sun"),
}
"""Example homes, in turn, and the columns that they name: a house with a heat pump, flats with an
engine, a house with a car."""

WIND, SUN = "wind_m_per_s", "irradiance_w_per_m2"
DAY_HOURS = 24


@dataclass(frozen=True)
class NewHomes:
    """A case of homes that was just written.

    Attributes
    ----------
    folder
        Where it lies.
    homes
        Ids of its homes.
    weather
        The distributions that its wind and sun were drawn from; None for those of the example.
    """

    folder: Path
    homes: tuple[str, ...]
    weather: Weather | None = None


def new_homes(
    folder: Path | str, homes: int = 3, *, weather: Path | str | None = None, seed: int = 0
) -> NewHomes:
    """Start a case of homes: example homes, an example day and, if wished, weather of one's own.

    The case can be run as it is by every system of homes; what is made up is marked.

    Parameters
    ----------
    folder
        Where to write it, a folder that is empty or not there yet; its name becomes the case's.
    homes
        Number of homes, 1 to 26; their ids are A, B, ...
    weather
        CSV file of whole days by the hour with the columns ``wind_m_per_s`` and
        ``irradiance_w_per_m2``, at least two days: building eqs. (1), (2) are fitted to it, and
        a day is drawn for the profiles ``wind`` and ``sun``.
    seed
        Seed of that draw.

    Raises
    ------
    InputError
        The number of homes, the seed or the weather cannot be used, or the folder is taken.
        Nothing is written then.
    CaseError
        Rows of the weather file are wrong.
    """
    if not 1 <= homes <= MOST_HOMES:
        raise InputError(f"--homes {homes}: give 1 to {MOST_HOMES} homes; add more in case.toml")
    if seed < 0:
        raise InputError(f"--seed {seed}: give 0 or more")
    free_place(folder)
    fitted = None if weather is None else read_weather(Path(weather))
    ids = tuple(ascii_uppercase[:homes])
    kinds = [tuple(KINDS)[n % len(KINDS)] for n in range(homes)]
    shown = {
        "name": re.sub(r"[/\\]", "-", Path(folder).absolute().name),
        "folder": str(folder),
        "homes": list(zip(ids, kinds, strict=True)),
        "weather": None if weather is None else Path(weather).name,
        "fitted": fitted,
        "seed": seed,
    }

    def fill(fresh: Path) -> None:
        sheets = templates("cmgplan.homes.starter")
        names = {CASE_FILE: "case.toml.jinja", SOURCES_FILE: "SOURCES.md.jinja"}
        for target, template in names.items():
            text = sheets.get_template(template).render(shown)
            (fresh / target).write_text(text, encoding="utf-8")
        drawn = {} if fitted is None else _drawn(fitted, seed)
        (fresh / "profiles.csv").write_text(_profiles(kinds, drawn), encoding="utf-8")

    start_case(folder, fill, check_homes)
    return NewHomes(Path(folder), ids, fitted)


def read_weather(path: Path) -> Weather:
    """Return the distributions of a CSV file of hourly wind and irradiance, whole days.

    Raises
    ------
    InputError
        The file lacks a column or does not hold whole days, or nothing can be fitted to it.
    CaseError
        It cannot be read, or rows are wrong; the message names them.
    """
    faults: list[Fault] = []
    table = read_table(CaseFolder(path.parent), path.name, faults)
    if table is None:
        raise CaseError(faults)
    missing = [name for name in (WIND, SUN) if name not in table.columns]
    if missing:
        told = f"the column {missing[0]} is missing; it needs {WIND} and {SUN}, a row an hour"
        raise InputError(f"{path}: {told}")
    read = read_profiles(table, None, faults)
    faults = [fault for fault in faults if WIND in fault.message or SUN in fault.message]
    if faults or not table.whole:
        raise CaseError(faults)
    if len(read[WIND]) % DAY_HOURS:
        told = f"it has {counted(len(read[WIND]), 'row')}, no whole days; give {DAY_HOURS} a day"
        raise InputError(f"{path}: {told}")
    try:
        return fit_weather(read[WIND].reshape(-1, DAY_HOURS), read[SUN].reshape(-1, DAY_HOURS))
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _drawn(weather: Weather, seed: int) -> Mapping[str, FloatArray]:
    """Return the profiles of a day of the weather, shares of the rating, each of shape (24,)."""
    wind, sun = weather.draw(np.random.default_rng(seed))
    return {"wind": wind_share(wind), "sun": sun_share(sun)}


def _profiles(kinds: Collection[str], drawn: Mapping[str, FloatArray]) -> str:
    """Return the columns that example homes name as a profiles file, with some of them drawn."""
    text = (files("cmgplan.homes.starter") / EXAMPLE_DAY).read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    wanted = {*PRICES, *(column for kind in kinds for column in KINDS[kind])}
    out = io.StringIO()
    columns = [column for column in rows[0] if column in wanted]
    writer = csv.DictWriter(out, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for hour, row in enumerate(rows):
        writer.writerow(row | {name: f"{values[hour]:.4f}" for name, values in drawn.items()})
    return out.getvalue()
