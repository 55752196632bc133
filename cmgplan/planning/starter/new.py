"""Writes the case: tables, an example day, a commented case.toml and the sources of both."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from cmgplan.case.folder import CASE_FILE, SOURCES_FILE
from cmgplan.case.records import Bus, Line
from cmgplan.case.starting import free_place, start_case, templates
from cmgplan.network.files.networks import Missing, read_feeder_network
from cmgplan.planning.case import check_case
from cmgplan.planning.starter.limits import within_limits
from cmgplan.planning.starter.microgrids import Example, with_examples
from cmgplan.planning.starter.tables import NO_LIMITS, FeederTables, feeder_tables, rounded

EXAMPLE_DAY = "example_day.csv"
UNLIMITED_MVA = 1e6


@dataclass(frozen=True)
class NewCase:
    """A case that was just written.

    Attributes
    ----------
    folder
        Where it lies.
    buses, load_kw
        Size of the feeder, and its load at the peak, that of the microgrids included.
    notes
        What is not as the network's file has it, a sentence each; they stand in case.toml too.
    """

    folder: Path
    buses: int
    load_kw: float
    notes: tuple[str, ...]


def new_case(folder: Path | str, network: Path | str, *, slack_bus: str | None = None) -> NewCase:
    """Start a case from a network: its feeder, an example day and two example microgrids.

    The case can be planned as it is; what is made up is marked in its case.toml.

    Parameters
    ----------
    folder
        Where to write it, a folder that is empty or not there yet; its name becomes the case's.
    network
        MATPOWER ``.m`` or pandapower ``.json`` of a radial feeder.
    slack_bus
        Bus that the feeder begins at, where that is not the file's only slack bus; what this bus
        does not feed is left out.

    Raises
    ------
    InputError
        The network cannot be read or is no radial feeder, or the folder cannot be used. Nothing
        is written then.
    """
    source = Path(network)
    free_place(folder)
    missing = Missing(price_usd_per_mwh=0.0, power_limit_mva=UNLIMITED_MVA, v_limits_pu=NO_LIMITS)
    grid = read_feeder_network(source, missing)
    whole = within_limits(feeder_tables(grid, slack_bus))
    tables, examples = with_examples(whole)

    def fill(fresh: Path) -> None:
        _write(fresh, Path(folder), source, tables, examples)

    start_case(folder, fill, check_case)
    return NewCase(Path(folder), len(tables.buses), whole.load_kw, tables.notes)


def _example_day() -> str:
    """Return the example day as the text of a profiles file."""
    return (files("cmgplan.planning.starter") / EXAMPLE_DAY).read_text(encoding="utf-8")


def _write(
    fresh: Path,
    folder: Path,
    source: Path,
    tables: FeederTables,
    examples: tuple[Example, Example],
) -> None:
    """Write the files of the case."""
    _write_rows(fresh / "buses.csv", tables.buses, Bus)
    _write_rows(fresh / "lines.csv", tables.lines, Line)
    (fresh / "profiles.csv").write_text(_example_day(), encoding="utf-8")
    first, second = examples
    shown = {
        "name": re.sub(r"[/\\]", "-", folder.absolute().name),
        "title": f"The feeder of {source.name} with two example microgrids",
        "folder": str(folder),
        "source": source.name,
        "notes": tables.notes,
        "tables": tables,
        "first": first,
        "second": second,
        "first_load": _origin(first),
        "second_load": _origin(second),
        "tie_kva": rounded(0.5 * min(first.connection_kva, second.connection_kva), 2),
    }
    sheets = templates("cmgplan.planning.starter")
    for target, template in ((CASE_FILE, "case.toml.jinja"), (SOURCES_FILE, "SOURCES.md.jinja")):
        text = sheets.get_template(template).render(shown)
        (fresh / target).write_text(text, encoding="utf-8")


def _origin(example: Example) -> str:
    """Return where the load of an example microgrid comes from."""
    if example.taken_over:
        return "taken over from the feeder's load at this bus, which has the rest"
    return "example, in addition to the feeder's loads"


def _write_rows(path: Path, rows: Sequence[Bus | Line], model: type[Bus] | type[Line]) -> None:
    """Write records as CSV; optional columns that nobody fills are left out."""
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    usual = {name: field.default for name, field in model.model_fields.items()}
    data = [row.model_dump() for row in rows]
    columns = [
        name
        for name in model.model_fields
        if name in required
        or name in ("p_kw", "q_kvar")
        or any(row[name] != usual[name] for row in data)
    ]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for row in data:
            writer.writerow([_cell(row[name]) for name in columns])


def _cell(value: object) -> object:
    """Return a cell: empty for what is not given, whole numbers without a point."""
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else value
