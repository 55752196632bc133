"""Tasks of a study: what each is a pure function of, and the name that follows from it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmgplan.case.folder import CASE_FILE, CaseFolder
from cmgplan.case.scenarios import SCENARIO_FILE
from cmgplan.case.toml_file import read_toml
from cmgplan.version import __version__

DIGITS = 10
"""Digits of its identity in a task's name: two of 100,000 tasks agree by chance 1 time in 200."""

OTHER_FILES = (SCENARIO_FILE, "bids.csv")
"""Files of a case that its case.toml may leave unnamed."""


@dataclass(frozen=True)
class Task:
    """One run: a case on a day, in a scenario, with options.

    Attributes
    ----------
    key
        SHA-256 of all that the run is a function of; see ``identity``.
    name
        Name of its folder: case, day, scenario, first digits of the key.
    system
        Name of the system that runs it.
    case, folder
        The case as the study file names it, and where it lies.
    case_sha256
        Hash of its files.
    day
        The day as 2016-07-14; None runs the case as it is.
    scenario, factors
        Name and factors of its scenario; an empty name is the case as it is.
    options
        Options by flag.
    weight
        Days times probability that the run stands for.
    """

    key: str
    name: str
    system: str
    case: str
    folder: Path
    case_sha256: str
    day: str | None = None
    scenario: str = ""
    factors: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0


def make_task(
    system: str,
    case: str,
    folder: Path,
    case_sha256: str,
    day: str | None,
    scenario: str,
    factors: Mapping[str, float],
    options: Mapping[str, Any],
    weight: float,
) -> Task:
    """Return a task with the key and the name that follow from what it is a function of."""
    key = identity(system, case, case_sha256, day, scenario, factors, options)
    parts = [Path(case).name, day or "", scenario, key[:DIGITS]]
    name = "_".join(re.sub(r"[^\w.-]+", "-", part)[:40].strip(".-_") for part in parts if part)
    return Task(
        key, name, system, case, folder, case_sha256, day, scenario, factors, options, weight
    )


def identity(
    system: str,
    case: str,
    case_sha256: str,
    day: str | None,
    scenario: str,
    factors: Mapping[str, float],
    options: Mapping[str, Any],
    version: str = __version__,
) -> str:
    """Return the SHA-256 of what a run is a function of.

    That is the system, the case (by name and by content), the day, the scenario (by name and by
    factors), the options with their seed, and the version of the tool.
    """
    told = {
        "system": system,
        "case": [case, case_sha256],
        "day": day,
        "scenario": [scenario, dict(factors)],
        "options": dict(options),
        "version": version,
    }
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def files_sha256(folder: CaseFolder) -> str:
    """Return the SHA-256 over names and contents of the files that a case is read from."""
    digest = hashlib.sha256()
    for name in case_files(folder):
        for part in (name.encode(), (folder.path / name).read_bytes()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def case_files(folder: CaseFolder) -> list[str]:
    """Return the names of the files that a case is read from, sorted; those that are there."""
    raw = read_toml(folder, []) or {}
    network = raw.get("network")
    names = {CASE_FILE, raw.get("profiles", "profiles.csv"), *OTHER_FILES}
    if isinstance(network, dict):
        names |= {network.get("buses", "buses.csv"), network.get("lines", "lines.csv")}
    texts = {name for name in names if isinstance(name, str)}
    return sorted(name for name in texts if isinstance(folder.read_text(name), str))
