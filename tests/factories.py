"""Case folders for tests: a small sound case, and any edit of it.

path = write_case(tmp_path, {"microgrid.0.mt.0.p_max_kw": -5})
path = write_case(tmp_path, {"tie": DELETE}, lines=LINES.replace("L2", "L1"))
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

DELETE = object()
"""As the value of an edit: remove the key."""

EMISSIONS = {"co2": 30.0, "nox": 1.0}

CASE: dict[str, Any] = {
    "format": 1,
    "name": "small",
    "time": {"hours": 4, "dt_h": 1.0},
    "network": {
        "slack_bus": "1",
        "v_slack_pu": 1.0,
        "v_min_pu": 0.9,
        "v_max_pu": 1.1,
        "load_profile": "feeder",
        "responsive_share": 0.1,
    },
    "grid": {"emission_usd_per_mwh": EMISSIONS},
    "cluster": [
        {"id": "C1", "microgrids": ["MG1", "MG2"]},
        {"id": "C2", "microgrids": ["MG3"]},
    ],
    "microgrid": [
        {
            "id": "MG1",
            "bus": "2",
            "pcc": {"id": "PCC1", "rating_kva": 200.0},
            "load": [
                {
                    "id": "homes",
                    "p_kw": 100.0,
                    "q_kvar": 30.0,
                    "profile": "homes",
                    "responsive_share": 0.2,
                }
            ],
            "mt": [
                {
                    "id": "mt",
                    "p_max_kw": 80.0,
                    "p_min_kw": 0.0,
                    "q_min_kvar": -30.0,
                    "q_max_kvar": 30.0,
                    "emission_usd_per_mwh": EMISSIONS,
                }
            ],
            "storage": [
                {
                    "id": "battery",
                    "p_charge_max_kw": 20.0,
                    "p_discharge_max_kw": 20.0,
                    "energy_kwh": 60.0,
                    "soc_min": 0.2,
                    "soc_max": 0.9,
                    "soc_start": 0.5,
                    "efficiency_charge": 0.95,
                    "efficiency_discharge": 0.95,
                }
            ],
            "ev": [
                {
                    "id": "cars",
                    "p_charge_max_kw": 20.0,
                    "p_discharge_max_kw": 10.0,
                    "energy_kwh": 50.0,
                    "soc_min": 0.2,
                    "soc_start": 0.5,
                    "depart_hour": 1,
                    "return_hour": 3,
                    "driving_kwh": 10.0,
                    "soc_departure": 0.6,
                }
            ],
        },
        {
            "id": "MG2",
            "bus": "3",
            "pcc": {"id": "PCC2", "rating_kva": 200.0},
            "load": [{"id": "shops", "p_kw": 80.0, "q_kvar": 20.0, "profile": "homes"}],
            "pv": [{"id": "pv", "p_max_kw": 60.0, "forecast": "sun"}],
            "wt": [
                {
                    "id": "wt",
                    "p_max_kw": 40.0,
                    "forecast": "wind",
                    "power_factor_lead": 0.95,
                    "power_factor_lag": 0.95,
                }
            ],
            "svc": [{"id": "svc", "q_min_kvar": -20.0, "q_max_kvar": 20.0}],
        },
        {
            "id": "MG3",
            "bus": "3",
            "pcc": {"id": "PCC3", "rating_kva": 200.0},
            "load": [{"id": "mill", "p_kw": 60.0}],
            "mt": [{"id": "mt", "p_max_kw": 90.0, "emission_usd_per_mwh": EMISSIONS}],
        },
    ],
    "tie": [
        {
            "id": "T12",
            "kind": "microgrid",
            "from_microgrid": "MG1",
            "to_microgrid": "MG2",
            "rating_kva": 100.0,
        },
        {
            "id": "T23",
            "kind": "cluster",
            "from_microgrid": "MG2",
            "to_microgrid": "MG3",
            "rating_kva": 100.0,
            "r_ohm": 1.0,
            "vn_kv": 15.0,
        },
    ],
}

BUSES = """\
bus,p_kw,q_kvar,vn_kv,profile
1,0,0,15,
2,200,80,15,
3,100,40,15,homes
"""

LINES = """\
line,from_bus,to_bus,r_ohm,x_ohm,rating_kva
L1,1,2,2.0,2.0,1000
L2,2,3,2.0,2.0,
"""

PROFILES = """\
hour,price_usd_per_mwh,feeder,homes,sun,wind
0,40,0.5,0.6,0,0.5
1,60,0.8,0.8,0.6,0.4
2,80,1,1,0.9,0.6
3,50,0.7,0.9,0.2,0.3
"""


def small_case(edits: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Return the small case with edits, each from a path such as ``microgrid.0.bus``."""
    return edited(CASE, edits)


def edited(document: Mapping[str, Any], edits: Mapping[str, object] | None) -> dict[str, Any]:
    """Return a copy of a document with edits, each from a path such as ``microgrid.0.bus``."""
    case = deepcopy(dict(document))
    for path, value in (edits or {}).items():
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        target: Any = case
        for part in parents:
            if part not in target and not isinstance(target, list):
                target[part] = {}
            target = target[part]
        if value is DELETE:
            del target[last]
        elif isinstance(target, list) and last == len(target):
            target.append(value)
        else:
            target[last] = value
    return case


def write_case(
    folder: Path,
    edits: Mapping[str, object] | None = None,
    *,
    buses: str = BUSES,
    lines: str = LINES,
    profiles: str = PROFILES,
) -> Path:
    """Write the small case with edits into a folder and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    case = small_case(edits)
    (folder / "case.toml").write_text(as_toml(case), encoding="utf-8")
    (folder / "buses.csv").write_text(buses, encoding="utf-8")
    (folder / "lines.csv").write_text(lines, encoding="utf-8")
    (folder / "profiles.csv").write_text(profiles, encoding="utf-8")
    return folder


def as_toml(case: Mapping[str, object]) -> str:
    """Return a TOML document with one line for each top-level key."""
    return "".join(f"{key} = {_inline(value)}\n" for key, value in case.items())


def _inline(value: object) -> str:
    """Return a value as inline TOML."""
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)} = {_inline(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    if isinstance(value, str):
        return json.dumps(value)
    return str(value).lower()
