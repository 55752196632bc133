"""The matrices of a MATPOWER case file; nothing in it is executed.

Read are format version 2, a struct with fields, and the older version 1, several variables. The
statements with which distribution cases turn kW into MW and ohm into per unit are evaluated as
arithmetic; code without a value here is refused by its line where it touches what is read.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError
from cmgplan.given import file_bytes
from cmgplan.network.files.matlab_assignments import Assignments
from cmgplan.network.files.matlab_expressions import Unknown
from cmgplan.network.files.matlab_statements import Program
from cmgplan.network.files.matlab_text import Fault
from cmgplan.network.files.matlab_values import Value

READ = frozenset({"bus", "gen", "branch", "gencost", "baseMVA", "version", "dcline"})
"""Fields that are read; any other is only named."""

MAX_BYTES = 100_000_000

_RESULTS_1 = ("baseMVA", "bus", "gen", "branch", "areas", "gencost")
_NEEDED = ("bus", "gen", "branch")
_GEN_COLUMNS_1, _GEN_COLUMNS_2 = 10, 21
_BRANCH_COLUMNS_1, _BRANCH_COLUMNS_2 = 11, 13


@dataclass
class MatpowerFile:
    """Fields of a case: numbers and matrices by name, converted as the file says.

    Attributes
    ----------
    lines
        Line of each row of a matrix, where it was written out.
    others
        Names of fields that are set and not read.
    """

    path: Path
    name: str
    scalars: dict[str, float] = field(default_factory=dict)
    matrices: dict[str, FloatArray] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    lines: dict[str, list[int]] = field(default_factory=dict)

    def row(self, matrix: str, row: int) -> str:
        """Return the place of a row, counted from 0, for messages."""
        lines = self.lines.get(matrix, [])
        told = f", line {lines[row]}" if row < len(lines) else ""
        return f"mpc.{matrix} row {row + 1}{told}"


def read_matpower_file(path: Path) -> MatpowerFile:
    """Read a case file of format version 2 or 1.

    Raises
    ------
    InputError
        The file cannot be read, or a statement that matters is none of those known; the line is
        named.
    """
    program = Program(_text(path), READ)
    try:
        found = program.run()
    except Fault as fault:
        raise InputError(f"{path.name} line {fault.line}: {fault.message}") from fault
    case = MatpowerFile(path, program.name or path.stem)
    keys = _keys(path, found)
    version = 1 if len(found.results) > 1 else None
    for name, key in keys.items():
        place = f"{path.name} line {found.set_at.get(key, 1)}"
        if name == "version" and key in found.variables:
            version = _version(place, found.variables[key])
        elif key in found.variables:
            _take(case, name, found.variables[key], place)
            case.lines[name] = found.lines.get(key, [])
    case.others = [name for name in found.named if name not in case.matrices]
    for needed in _NEEDED:
        if needed not in case.matrices:
            raise InputError(f"{path.name}: mpc.{needed} is missing; add the matrix")
    if "baseMVA" not in case.scalars:
        raise InputError(f"{path.name}: mpc.baseMVA is missing; add it")
    if version == 1 or (version is None and _looks_like_1(case)):
        case.matrices["gen"] = case.matrices["gen"][:, :_GEN_COLUMNS_1]
        case.matrices["branch"] = case.matrices["branch"][:, :_BRANCH_COLUMNS_1]
    return case


def _text(path: Path) -> str:
    try:
        data = file_bytes(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({why}); check the name") from error
    if data is None:
        raise InputError(f"{path}: larger than {MAX_BYTES // 10**6} MB; give a smaller case")
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if marked else "utf-8-sig", errors="replace")


def _keys(path: Path, found: Assignments) -> dict[str, str]:
    """Return the variable that holds each field; of version 1 by the order of the results."""
    if len(found.results) < 2:
        return {name: f"{found.struct}.{name}" for name in sorted(READ)}
    if found.results[0] != "baseMVA" or len(found.results) < 4:
        raise InputError(
            f"{path.name}: the function returns {', '.join(found.results[:6])[:80]}, which is no "
            "case; write `function mpc = name`"
        )
    pairs = zip(_RESULTS_1, found.results, strict=False)
    return {name: key for name, key in pairs if name in READ}


def _version(place: str, value: Value | Unknown) -> int:
    shown = str(value).removesuffix(".0")
    if shown not in ("1", "2"):
        raise InputError(
            f"{place}: format version {shown[:20]!r} is not known; save the case in version '2'"
        )
    return int(shown)


def _looks_like_1(case: MatpowerFile) -> bool:
    """Return whether a file that does not say its version has the columns of version 1."""
    gen_columns, branch_columns = (len(case.matrices[name].T) for name in ("gen", "branch"))
    return gen_columns < _GEN_COLUMNS_2 and branch_columns != _BRANCH_COLUMNS_2


def _take(case: MatpowerFile, name: str, value: Value | Unknown, place: str) -> None:
    """Keep a field that is read."""
    if isinstance(value, str | Unknown):
        raise InputError(f"{place}: mpc.{name} is not made of numbers; give numbers")
    array = np.atleast_2d(np.asarray(value, dtype=np.float64))
    if name != "baseMVA":
        case.matrices[name] = array
    elif array.size == 1:
        case.scalars[name] = float(array.item())
    else:
        raise InputError(f"{place}: mpc.baseMVA is not one number; give one")
