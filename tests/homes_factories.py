"""Case folders of homes for tests: a small sound case with every kind of device, and any edit.

path = write_homes(tmp_path, {"home.0.chp.0.fuel_min_kw": 90})
path = write_homes(tmp_path, {"gas": DELETE}, profiles=with_column("wind", [0.1, 0, 0, 2]))
path = write_homes(tmp_path, IN_NETWORK, buses=BUSES, lines=LINES)
case = load_homes(write_homes(tmp_path))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from factories import DELETE, as_toml, edited

__all__ = [
    "BUSES",
    "DELETE",
    "HOMES",
    "IN_NETWORK",
    "LINES",
    "MINIMAL",
    "PROFILES",
    "SCENARIOS",
    "minimal_homes",
    "small_homes",
    "with_column",
    "write_homes",
]

HOMES: dict[str, Any] = {
    "format": 1,
    "system": "homes",
    "name": "small",
    "currency": "GBP",
    "time": {"hours": 4},
    "retailer": {
        "buy_per_kwh": "buy_per_kwh",
        "sell_per_kwh": "sell_per_kwh",
        "power_max_kw": 200.0,
        "emission_kg_per_kwh": 0.245,
    },
    "gas": {"price_per_kwh": 0.04, "emission_kg_per_kwh": 0.184},
    "home": [
        {
            "id": "A",
            "load": [
                {
                    "id": "flats",
                    "carrier": "electricity",
                    "p_kw": 60.0,
                    "profile": "flats",
                    "shiftable_share": 0.2,
                    "shift_in_max_kw": 20.0,
                    "shift_cost_per_kwh": 0.001,
                },
                {"id": "heating", "carrier": "heat", "p_kw": "heating_kw"},
            ],
            "pv": [{"id": "roof", "p_max_kw": 10.0, "forecast": "sun"}],
            "solar_thermal": [{"id": "collector", "heat_max_kw": 5.0, "forecast": "sun"}],
            "chp": [
                {
                    "id": "engine",
                    "fuel_max_kw": 80.0,
                    "fuel_min_kw": 20.0,
                    "efficiency_electric": 0.4,
                    "efficiency_heat": 0.4,
                }
            ],
            "gas_boiler": [
                {
                    "id": "boiler",
                    "heat_max_kw": 40.0,
                    "efficiency": 0.9,
                    "emission": {"square": 0.001, "linear": 0.2},
                }
            ],
            "storage": [
                {
                    "id": "battery",
                    "p_charge_max_kw": 10.0,
                    "p_discharge_max_kw": 10.0,
                    "energy_kwh": 20.0,
                    "soc_min": 0.1,
                    "efficiency_charge": 0.95,
                    "efficiency_discharge": 0.95,
                }
            ],
            "thermal_store": [
                {
                    "id": "tank",
                    "volume_m3": 1.0,
                    "delta_t_k": 40.0,
                    "heat_charge_max_kw": 20.0,
                    "heat_discharge_max_kw": 20.0,
                    "retention_per_h": 0.99,
                }
            ],
            "job": [{"id": "dishwasher", "p_kw": 1.2, "duration_h": 2, "window": [0, 4]}],
        },
        {
            "id": "B",
            "load": [
                {"id": "flats", "carrier": "electricity", "p_kw": 30.0},
                {"id": "heating", "carrier": "heat", "p_kw": 8.0},
            ],
            "wt": [{"id": "mast", "p_max_kw": 20.0, "forecast": "wind"}],
            "electric_boiler": [{"id": "rod", "heat_max_kw": 10.0, "efficiency": 0.98}],
            "heat_pump": [{"id": "pump", "heat_max_kw": 15.0, "cop": "cop"}],
            "ev": [
                {
                    "id": "car",
                    "p_charge_max_kw": 3.0,
                    "energy_kwh": 20.0,
                    "soc_start": 0.3,
                    "soc_departure": 0.35,
                    "depart_hour": 1,
                    "return_hour": 2,
                    "driving_kwh": 3.0,
                    "efficiency_charge": 0.92,
                }
            ],
            "refrigerator": [
                {
                    "id": "fridge",
                    "p_kw": 0.25,
                    "t_min_c": 2.0,
                    "t_max_c": 6.0,
                    "t_start_c": 4.0,
                    "cooling_k_per_h": 1.0,
                    "warming_k_per_h": 1.0,
                }
            ],
            "water_heater": [
                {
                    "id": "tap",
                    "carrier": "heat",
                    "p_kw": 2.0,
                    "t_min_c": 50.0,
                    "t_max_c": 65.0,
                    "t_start_c": 55.0,
                    "heating_k_per_h": 5.0,
                    "cooling_k_per_h": 5.0,
                }
            ],
        },
    ],
}

PROFILES = """\
hour,buy_per_kwh,sell_per_kwh,flats,heating_kw,sun,wind,cop
0,0.10,0.05,0.6,30,0,0.5,2.8
1,0.15,0.08,0.8,25,0.6,0.4,3.1
2,0.30,0.12,1,40,0.9,0.6,3.4
3,0.20,0.10,0.7,35,0.2,0.3,3.0
"""

SCENARIOS = """\
scenario,weight,buy,sell,load,heat,wind,sun
calm,0.25,1,1,1,1.1,0.5,1
windy,0.75,0.9,0.8,1,1,1.5,
"""

BUSES = """\
bus,p_kw,q_kvar,vn_kv
S,0,0,11
1,5,1,11
2,5,1,11
"""

LINES = """\
line,from_bus,to_bus,r_ohm,x_ohm,in_service,km,failures_per_km_year,repair_h,protection,disconnector
S-1,S,1,0.5,0.4,1,0.75,0.065,5,breaker,from
1-2,1,2,0.5,0.4,1,0.60,0.065,5,,both
T1,S,2,0.5,0.4,0,,,,,
"""

IN_NETWORK: dict[str, object] = {
    "network": {"slack_bus": "S", "v_slack_pu": 1.0, "v_min_pu": 0.9, "v_max_pu": 1.1},
    "home.0.bus": "1",
    "home.1.bus": "2",
}
"""Edits that place the homes on the buses of ``BUSES`` and ``LINES``."""

MINIMAL: dict[str, Any] = {
    "format": 1,
    "system": "homes",
    "name": "minimal",
    "time": {"hours": 2},
    "home": [{"id": "A"}],
}
"""No more than a case must say."""


def small_homes(edits: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Return the small case with edits, each from a path such as ``home.0.chp.0.fuel_max_kw``."""
    return edited(HOMES, edits)


def minimal_homes(edits: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Return the least that is a case, with edits."""
    return edited(MINIMAL, edits)


def with_column(name: str, values: Sequence[float], profiles: str = PROFILES) -> str:
    """Return profiles with a column replaced, or added at the end."""
    header, *rows = [line.split(",") for line in profiles.splitlines()]
    if name not in header:
        header.append(name)
        rows = [[*row, ""] for row in rows]
    place = header.index(name)
    for row, value in zip(rows, values, strict=True):
        row[place] = repr(value)
    return "".join(",".join(row) + "\n" for row in (header, *rows))


def write_homes(
    folder: Path,
    edits: Mapping[str, object] | None = None,
    *,
    case: Mapping[str, Any] | None = None,
    **tables: str,
) -> Path:
    """Write a case of homes into a folder and return the folder.

    Parameters
    ----------
    folder
        Is made where it is missing.
    edits
        Edits of case.toml, by path; ``DELETE`` removes a key.
    case
        The case.toml to edit, by default the small one.
    tables
        Text of tables by their name without ``.csv``: ``profiles``, which has a default, and
        ``scenarios``, ``buses``, ``lines``, ``bids``, which have none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    document = edited(HOMES if case is None else case, edits)
    (folder / "case.toml").write_text(as_toml(document), encoding="utf-8")
    for name, text in {"profiles": PROFILES, **tables}.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder
