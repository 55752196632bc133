"""Writes the case: tables, an example day, a commented case.toml and the sources of both."""

from __future__ import annotations

import csv
import json
import re
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2

from cmgplan.case.folder import CASE_FILE
from cmgplan.case.records import Bus, Line
from cmgplan.errors import CaseError, InputError, as_told
from cmgplan.network.files.networks import Missing, read_feeder_network
from cmgplan.planning.case import check_case
from cmgplan.planning.starter.limits import within_limits
from cmgplan.planning.starter.microgrids import Example, with_examples
from cmgplan.planning.starter.tables import NO_LIMITS, FeederTables, feeder_tables, rounded

EXAMPLE_DAY = "example_day.csv"
UNLIMITED_MVA = 1e6
WIDTH = 96
COMMENT_COLUMN = 33


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
    place, source = Path(folder).absolute(), Path(network)
    try:
        _refuse_taken(place)
    except (OSError, ValueError) as error:
        raise InputError(f"{str(folder)!r}: is no path ({error}); name another folder") from error
    missing = Missing(price_usd_per_mwh=0.0, power_limit_mva=UNLIMITED_MVA, v_limits_pu=NO_LIMITS)
    grid = read_feeder_network(source, missing)
    whole = within_limits(feeder_tables(grid, slack_bus))
    tables, examples = with_examples(whole)
    fresh = place.with_name(f".{place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir()
        _write(fresh, Path(folder), source, tables, examples)
        faults = [fault for fault in check_case(fresh) if fault.severity == "error"]
        if faults:
            raise CaseError(faults)
        fresh.replace(place)
    except OSError as error:
        raise as_told(error, place) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return NewCase(Path(folder), len(tables.buses), whole.load_kw, tables.notes)


def _refuse_taken(place: Path) -> None:
    """Raise InputError unless a folder can be written to a place."""
    if place.is_dir() and not any(place.iterdir()):
        return
    if place.exists() or place.is_symlink():
        raise InputError(f"{place}: is there already and not empty; name another folder")


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
    for target, template in ((CASE_FILE, "case.toml.jinja"), ("SOURCES.md", "SOURCES.md.jinja")):
        text = _environment().get_template(template).render(shown)
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


def _environment() -> jinja2.Environment:
    """Return the templates with filters that keep foreign text what it is."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(
            lambda name: (files("cmgplan.planning.starter") / name).read_text(encoding="utf-8")
        ),
        autoescape=False,  # noqa: S701 - TOML and Markdown, each text through a filter of its own
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["toml"] = _toml_text
    environment.filters["comment"] = _one_line
    environment.filters["note"] = _comment_lines
    environment.filters["pad"] = _padded
    environment.filters["markdown"] = _markdown
    return environment


def _toml_text(text: str) -> str:
    """Return text as a basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    """Return text that can stand in a comment: one line of what can be printed."""
    return "".join(c if c.isprintable() else " " for c in text)


def _comment_lines(text: str) -> str:
    """Return a note as lines of comment."""
    return "\n".join(
        textwrap.wrap(
            _one_line(text),
            WIDTH,
            initial_indent="# - ",
            subsequent_indent="#   ",
            break_long_words=False,
        )
    )


def _padded(assignment: str) -> str:
    """Return an assignment with room up to the column of comments."""
    return f"{assignment:<{COMMENT_COLUMN - 1}} "


def _markdown(text: str) -> str:
    """Return text without what Markdown would take for marks."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in _one_line(text))
