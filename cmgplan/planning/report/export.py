"""A run in the formats of other tools: pandapower, a switch schedule as JSON, MATPOWER.

Every pandapower network is read back and solved before the folder is put in place: it gives the
run's voltages and losses, or nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from cmgplan.errors import InputError, ReplayError
from cmgplan.network.files.matpower_writer import function_name, matpower_text
from cmgplan.network.files.networks import grid_at, peak_hour
from cmgplan.network.files.pandapower_writer import solve_pandapower, write_pandapower
from cmgplan.planning.case.network import grid_of_case
from cmgplan.planning.case.records import Case
from cmgplan.planning.report.hours import LEVELS, HourReader, Level
from cmgplan.planning.report.run_folder import Run, read_run, require_complete_run
from cmgplan.planning.report.schedule_json import SCHEMA, schedule_document, schedule_text
from cmgplan.run.comparison import beside
from cmgplan.run.findings import POWER_KW, VOLTAGE_PU
from cmgplan.run.folder import FolderKind, case_sha256, prepare, recover, write_folder
from cmgplan.version import __version__

Format = Literal["pandapower", "schedule", "matpower"]

FORMATS: tuple[Format, ...] = get_args(Format)
EXPORT = FolderKind("an export", "cmgplan-export.json")


@dataclass(frozen=True)
class Export:
    """A written export.

    Attributes
    ----------
    folder
        Where it stands.
    level
        What the pandapower networks hold.
    files
        Names of its files, with what each is.
    max_dv_pu, max_dloss_kw
        How far pandapower's own solution of its networks is from the run; None without networks.
    """

    folder: Path
    level: Level
    files: dict[str, str]
    max_dv_pu: float | None = None
    max_dloss_kw: float | None = None


def export_run(
    run_folder: Path | str,
    out: Path | str | None = None,
    *,
    level: str = "upper",
    formats: Sequence[str] = FORMATS,
    hour: int | None = None,
) -> Export:
    """Write a run in the formats of other tools, whole or not at all.

    Parameters
    ----------
    run_folder
        A finished run.
    out
        Folder of the export; by default the run's name with ``-export`` beside it.
    level
        What the pandapower networks hold: ``upper`` the loaded feeder of Levels 5 and 6,
        ``lower`` that of Level 4, ``without_cmg`` demand alone.
    formats
        Of ``pandapower``, ``schedule``, ``matpower``.
    hour
        Hour whose loads and price the MATPOWER file holds; by default that of greatest demand.

    Raises
    ------
    InputError
        The run cannot be read, or something other than an export stands in the place.
    ReplayError
        pandapower's solution of a written network is not that of the run.
    """
    wanted = _wanted(level, formats)
    source = Path(run_folder)
    place = Path(out) if out is not None else beside(source, "export")
    recover(source)
    prepare(place, EXPORT)
    run = read_run(source)
    case = run.load_case()
    require_complete_run(run)
    if hour is not None and not 0 <= hour < case.file.time.hours:
        raise InputError(f"--hour {hour}: the run has the hours 0 to {case.file.time.hours - 1}")
    done: list[Export] = []

    def fill(folder: Path) -> None:
        done.append(_fill(folder, _Source(run, case), wanted, hour))

    written = write_folder(place, EXPORT, fill)
    return replace(done[0], folder=written)


@dataclass(frozen=True)
class _Wanted:
    level: Level
    formats: tuple[Format, ...]


@dataclass(frozen=True)
class _Source:
    run: Run
    case: Case


def _wanted(level: str, formats: Sequence[str]) -> _Wanted:
    """Return level and formats; InputError names what is not known."""
    if level not in LEVELS:
        raise InputError(f"--level {level}: give {', '.join(LEVELS)}")
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        name = unknown[0] if unknown else "(nothing)"
        raise InputError(f"--format {name}: give {', '.join(FORMATS)} or all")
    return _Wanted(level, tuple(name for name in FORMATS if name in formats))


def _fill(folder: Path, source: _Source, wanted: _Wanted, hour: int | None) -> Export:
    """Write every file of an export."""
    files: dict[str, str] = {}
    dv_pu = dloss_kw = None
    if "pandapower" in wanted.formats:
        dv_pu, dloss_kw = _write_networks(folder, source, wanted.level, files)
    if "schedule" in wanted.formats:
        _write_schedule(folder, source, files)
    if "matpower" in wanted.formats:
        _write_matpower(folder, source.case, hour, files)
    export = Export(folder, wanted.level, files, dv_pu, dloss_kw)
    about = {
        "format": "cmgplan-export",
        "version": 1,
        "cmgplan": __version__,
        "case": source.run.summary.case.model_dump(),
        "level": wanted.level,
        "replay": {"max_dv_pu": dv_pu, "max_dloss_kw": dloss_kw},
        "files": files,
    }
    _write_json(folder / EXPORT.marker, about)
    lines = [f"Export of a plan of {_one_line(source.case.name)} by cmgplan {__version__}", ""]
    lines += [f"{name}\n    {what}" for name, what in files.items()]
    (folder / "README.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return export


def _write_networks(
    folder: Path, source: _Source, level: Level, files: dict[str, str]
) -> tuple[float, float]:
    """Write every hour for pandapower, read it back and hold its solution against the run."""
    (folder / "pandapower").mkdir()
    v_slack = source.run.summary.v_slack_pu
    reader = HourReader(source.case, source.run.tables, v_slack, level)
    told = _Told(source.run, level)
    worst = np.zeros(2)
    digits = max(2, len(str(reader.hours - 1)))
    for hour, snapshot in enumerate(reader.snapshots()):
        name = f"pandapower/hour_{hour:0{digits}d}.json"
        write_pandapower(snapshot, folder / name)
        worst = np.maximum(worst, told.differences(hour, folder / name))
        files[name] = f"hour {hour}, {level}: feeder, microgrids, switches, injections (pandapower)"
    return float(worst[0]), float(worst[1])


class _Told:
    """Voltages and losses that a run tells of a level."""

    def __init__(self, run: Run, level: Level) -> None:
        column = "without_cmg_kw" if level == "without_cmg" else f"{level}_feeder_kw"
        self.loss_kw = run.tables["loss"].set_index("hour")[column]
        table = run.tables["bus_voltage"]
        self.v_pu = table[table["level"] == level].set_index(["hour", "bus"])["v_pu"]

    def differences(self, hour: int, path: Path) -> tuple[float, float]:
        """Return the largest difference of a voltage (pu) and that of the losses (kW)."""
        solution = solve_pandapower(path)
        if solution is None:
            raise ReplayError(f"FAILED: hour {hour} has no power flow in pandapower")
        told = self.v_pu.get(hour)
        told = {} if told is None else told.to_dict()
        dv = max(abs(v - told.get(bus, np.nan)) for bus, v in solution.v_pu.items())
        dloss = abs(solution.loss_kw - float(self.loss_kw.get(hour, np.nan)))
        if not (dv <= VOLTAGE_PU and dloss <= POWER_KW):
            raise ReplayError(
                f"FAILED: pandapower's solution of hour {hour} differs from the run by {dv:.2g} pu "
                f"and {dloss:.2g} kW of losses; check the run (cmgplan verify)"
            )
        return dv, dloss


def _write_schedule(folder: Path, source: _Source, files: dict[str, str]) -> None:
    """Write the switch schedule as JSON, its schema beside it."""
    run = source.run
    point = run.summary.selected.point
    digest = case_sha256(run.case_folder)
    table = run.tables["switch_schedule"]
    text = schedule_text(schedule_document(source.case, table, digest, point))
    (folder / "switch_schedule.json").write_text(text, encoding="utf-8")
    schema = Path(__file__).with_name(SCHEMA).read_text(encoding="utf-8")
    (folder / SCHEMA).write_text(schema, encoding="utf-8")
    files["switch_schedule.json"] = "every switch: positions by hour and operations (JSON)"
    files[SCHEMA] = "describes switch_schedule.json (JSON Schema 2020-12)"


def _write_matpower(folder: Path, case: Case, hour: int | None, files: dict[str, str]) -> None:
    """Write the case's feeder with the demand and the price of one hour."""
    given = grid_of_case(case)
    chosen = peak_hour(given) if hour is None else hour
    which = "the hour of greatest demand" if hour is None else "as asked for"
    name = f"{function_name(case.name)}.m"
    text = matpower_text(
        grid_at(given, chosen),
        [
            f"Feeder of the case {case.name}, by cmgplan {__version__}",
            f"Loads and price of hour {chosen} ({which}): demand of the feeder and, at their",
            "PCC buses, of the microgrids, before response; no microgrid generates.",
            "rateA is a current at nominal voltage: opf.flow_lim = 'I' in MATPOWER.",
        ],
    )
    (folder / name).write_text(text, encoding="utf-8")
    files[name] = f"the feeder with the demand and the price of hour {chosen}, {which} (MATPOWER)"


def _write_json(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else "_" for c in text)
