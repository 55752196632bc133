"""Reading a case of homes."""

from __future__ import annotations

import csv
import json
import tomllib
from datetime import date
from pathlib import Path

import numpy as np

from cmgplan.case.bundled import find_case
from cmgplan.case.scenarios import Scenario
from cmgplan.homes.records import HomesCase, HomesFile


def load_homes(path: Path | str, *, day: date | str | None = None) -> HomesCase:
    """Read a case of homes from its folder."""
    folder = find_case(path)
    file = HomesFile.model_validate_json(
        json.dumps(tomllib.loads((folder / "case.toml").read_text("utf-8")))
    )
    rows = list(csv.DictReader((folder / file.profiles).read_text("utf-8").splitlines()))
    names = [name for name in rows[0] if name not in ("hour", "time")]
    profiles = {name: np.array([float(row[name]) for row in rows]) for name in names}
    return HomesCase(file, profiles, (Scenario("1", 1.0),), folder)
