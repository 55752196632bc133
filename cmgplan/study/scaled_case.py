"""A case as a scenario of a study has it, written as a case folder of its own.

The run of a scenario keeps a copy of its case like any run, so that it is verified and run again
without the study; its title tells the scenario. The folder holds the hours of its day alone.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.case.days import HOUR, TIME
from cmgplan.case.folder import CASE_FILE, SOURCES_FILE, CaseFolder
from cmgplan.case.tables import read_table
from cmgplan.case.toml_file import read_toml
from cmgplan.errors import InputError
from cmgplan.study.tasks import OTHER_FILES
from cmgplan.study.toml_text import toml_text

UNDATED = datetime(2001, 1, 1)
"""Day of hours that begin off midnight and have no date."""

Raw = dict[str, Any]


def write_scaled(
    case: Any, kind: str, scenario: str, factors: Mapping[str, float], target: Path
) -> Path:
    """Write a case with a scenario's factors to a new folder and return the folder.

    Parameters
    ----------
    case
        A loaded case of planning or of homes, of the day that is run.
    kind
        ``planning`` or ``homes``.
    scenario
        Name of the scenario.
    factors
        Factors of load, sun, wind, price and ratings; 1 where absent.
    target
        Where the folder is made.
    """
    if kind == "planning":
        raw, profiles = _planning(case, factors)
    else:
        raw, profiles = _homes(case, scenario, factors)
    target.mkdir(parents=True)
    if any(factor != 1.0 for factor in factors.values()):
        raw["title"] = _title(str(raw.get("title") or raw["name"]), scenario, factors)
    raw["time"] = _time(raw["time"], case.file.time.day)
    (target / CASE_FILE).write_text(toml_text(raw), encoding="utf-8")
    _write_profiles(case, profiles, target / case.file.profiles)
    source = CaseFolder(case.folder)
    network = case.file.network
    if network is not None:
        scale = factors.get("load", 1.0) if kind == "planning" else 1.0
        _copy_scaled(source, network.buses, target, ("p_kw", "q_kvar"), scale)
        ratings = factors.get("ratings", 1.0)
        _copy_scaled(source, network.lines, target, ("rating_kva",), ratings)
    for name in (SOURCES_FILE, *OTHER_FILES):
        if isinstance(text := source.read_text(name), str):
            (target / name).write_text(text, encoding="utf-8")
    return target


def _planning(case: Any, factors: Mapping[str, float]) -> tuple[Raw, dict[str, FloatArray]]:
    """Return case.toml and profiles of a case of planning with factors applied.

    Loads are scaled by their rating, since a profile is at most 1; forecasts under names of
    their own, since a column may serve sun, wind and loads alike.
    """
    raw = read_toml(CaseFolder(case.folder), [])
    if raw is None:
        raise InputError(f"{case.folder}: case.toml cannot be read any more; run the study again")
    profiles = {name: np.asarray(column) for name, column in case.profiles.items()}
    price = case.file.grid.price_column
    profiles[price] = profiles[price] * factors.get("price", 1.0)
    raw["microgrid"] = tuple(
        _scaled_microgrid(microgrid, factors, profiles) for microgrid in raw["microgrid"]
    )
    if (ratings := factors.get("ratings", 1.0)) != 1.0:
        raw["microgrid"] = tuple(
            {**microgrid, "pcc": _rated(microgrid["pcc"], ratings)}
            for microgrid in raw["microgrid"]
        )
        raw["tie"] = tuple(_rated(tie, ratings) for tie in raw.get("tie", ()))
    used = {price, case.network.load_profile, *(bus.profile for bus in case.buses)}
    for microgrid in raw["microgrid"]:
        used |= {load.get("profile") for load in microgrid.get("load", ())}
        used |= {source["forecast"] for kind in ("pv", "wt") for source in microgrid.get(kind, ())}
    return raw, {name: column for name, column in profiles.items() if name in used}


def _rated(switch: Raw, factor: float) -> Raw:
    """Return a tie or a connection with its rating scaled."""
    return {**switch, "rating_kva": factor * switch["rating_kva"]}


def _scaled_microgrid(
    microgrid: Raw, factors: Mapping[str, float], profiles: dict[str, FloatArray]
) -> Raw:
    """Return a microgrid with its loads and forecasts scaled; columns are added to profiles."""
    changed = dict(microgrid)
    load = factors.get("load", 1.0)
    if load != 1.0 and "load" in microgrid:
        changed["load"] = tuple(
            {**one, **{key: load * one[key] for key in ("p_kw", "q_kvar") if key in one}}
            for one in microgrid["load"]
        )
    for kind, what in (("pv", "sun"), ("wt", "wind")):
        factor = factors.get(what, 1.0)
        if factor != 1.0 and kind in microgrid:
            devices = []
            for one in microgrid[kind]:
                name = f"{what} of {one['forecast']}"
                profiles[name] = np.minimum(factor * profiles[one["forecast"]], 1.0)
                devices.append({**one, "forecast": name})
            changed[kind] = tuple(devices)
    return changed


def _homes(
    case: Any, scenario: str, factors: Mapping[str, float]
) -> tuple[Raw, dict[str, FloatArray]]:
    """Return case.toml and profiles of a case of homes with factors applied.

    ``load`` scales heat too, ``price`` buying and selling alike.
    """
    from cmgplan.case.scenarios import Scenario
    from cmgplan.homes.case.scenario_case import case_of

    load, price = factors.get("load", 1.0), factors.get("price", 1.0)
    changed = case_of(
        case,
        Scenario(
            scenario,
            1.0,
            {
                "load": load,
                "heat": load,
                "buy": price,
                "sell": price,
                "sun": factors.get("sun", 1.0),
                "wind": factors.get("wind", 1.0),
            },
        ),
    )
    raw = changed.file.model_dump(exclude_unset=True, exclude_none=True)
    named = set(_texts(raw))  # what scaling replaced is named no more
    columns = changed.profiles.items()
    return raw, {name: np.asarray(column) for name, column in columns if name in named}


def _title(title: str, scenario: str, factors: Mapping[str, float]) -> str:
    """Return a title that tells the scenario, so that the page of its run does."""
    scaled = [f"{name} times {factor:.4g}" for name, factor in factors.items() if factor != 1.0]
    named = [f"scenario {scenario}"] if scenario else []
    return ", ".join([title, *named, *scaled])


def _time(time: Raw, day: date | None) -> Raw:
    """Return ``[time]`` of a case that holds one day."""
    kept = {key: value for key, value in time.items() if key not in ("first_day", "day")}
    return kept if day is None else {**kept, "day": day}


def _texts(value: object) -> Iterator[str]:
    """Yield every text in nested values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _write_profiles(case: Any, profiles: Mapping[str, FloatArray], path: Path) -> None:
    """Write the hours of a case; with stamps where it has a day or begins off midnight."""
    time = case.file.time
    day = time.day
    stamped = day is not None or case.begins_h != 0.0
    start = UNDATED if day is None else datetime.combine(day, datetime.min.time())
    if day is None:
        start += timedelta(hours=case.begins_h)
    names = list(profiles)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([TIME if stamped else HOUR, *names])
        for k in range(time.hours):
            when = (start + k * timedelta(hours=time.dt_h)).isoformat(" ") if stamped else k
            rows.writerow([when, *(repr(float(profiles[name][k])) for name in names)])


def _copy_scaled(
    source: CaseFolder, name: str, target: Path, columns: tuple[str, ...], factor: float
) -> None:
    """Copy a table of the case, some of its columns times a factor."""
    place = target / name
    place.parent.mkdir(parents=True, exist_ok=True)
    table = read_table(source, name, [])
    if factor == 1.0 or table is None:
        place.write_bytes((source.path / name).read_bytes())
        return
    with place.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(table.columns)
        for row in table.rows:
            rows.writerow(
                [
                    repr(factor * float(cell)) if column in columns and cell else cell
                    for column, cell in row.cells.items()
                ]
            )
