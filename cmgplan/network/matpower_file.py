"""The text of a MATPOWER case file as matrices; nothing in it is executed.

Read are assignments of numbers, strings and matrices to fields of one struct, and, word for
word, the statements with which MATPOWER's distribution cases turn kW into MW and ohm into per
unit. Everything else is refused by its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import acos, inf, nan, sin
from pathlib import Path

import numpy as np

from cmgplan.errors import InputError
from cmgplan.network.grid import FloatArray
from cmgplan.units import kw_from_mw, mw_from_kw, ohm_base

BASE_KV = 9
PD, QD = 2, 3
BR_R, BR_X = 2, 3

READ = frozenset({"bus", "gen", "branch", "gencost", "baseMVA", "version", "dcline"})
"""Fields that are read; any other is only named."""

MAX_BYTES = 100_000_000

_PLAIN = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(rf"[+-]?(?:{_PLAIN}(?:[*/]{_PLAIN})?|Inf|inf|NaN|nan)\Z")
_FIELD = re.compile(r"(\w+)\.(\w+)((?:\.\w+|\([^=]*\)|\{[^=]*\})*)\s*=(?!=)\s*(.*)", re.DOTALL)
_HEADER = re.compile(r"function\s+(\w+)\s*=\s*(\w+)\s*(?:\(\s*\))?\Z")
_HEADER_1 = re.compile(r"function\s+\[\s*baseMVA\b")
_INDEX_NAMES = re.compile(
    r"\[[\w\s,]*\]\s*=\s*idx_(?:bus|brch|gen|cost)\Z|define_constants\Z", re.DOTALL
)


@dataclass
class MatpowerFile:
    """Fields of a case: numbers and matrices by name, converted as the file says."""

    path: Path
    name: str
    scalars: dict[str, float] = field(default_factory=dict)
    matrices: dict[str, FloatArray] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Statement:
    line: int
    text: str


@dataclass
class _Conversion:
    """What the conversion statements have defined so far."""

    v_base_kv: float | None = None
    s_base_mva: float | None = None
    power_factor: float | None = None
    struct: str | None = None


def read_matpower_file(path: Path) -> MatpowerFile:
    """Read a case file of format version 2.

    Raises
    ------
    InputError
        The file cannot be read, or a statement is none of those known; the line is named.
    """
    text = _text(path)
    state = _Conversion()
    case = MatpowerFile(path, path.stem)
    for statement in _statements(path, text):
        _apply(case, state, statement)
    for needed in ("bus", "gen", "branch"):
        if needed not in case.matrices:
            raise InputError(f"{path.name}: mpc.{needed} is missing; add the matrix")
    if "baseMVA" not in case.scalars:
        raise InputError(f"{path.name}: mpc.baseMVA is missing; add it")
    return case


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: larger than {MAX_BYTES // 10**6} MB; give a smaller case")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the name") from error


def _statements(path: Path, text: str) -> Iterator[_Statement]:
    """Yield the statements: comments gone, brackets whole, continued lines joined."""
    begun, parts, depth, continued, block = 0, list[str](), 0, False, 0
    for number, raw in enumerate(text.splitlines(), start=1):
        bare = raw.strip()
        if bare in ("%{", "%}"):
            block += 1 if bare == "%{" else -1
            continue
        if block > 0:
            continue
        code = _without_comment(raw)
        code, dots, _ = code.partition("...")
        for piece, ended in _pieces(code, depth):
            if not parts:
                begun = number
            parts.append(piece)
            depth += _opened(piece)
            if ended and depth == 0:
                yield from _whole(begun, parts)
                parts = []
        continued = bool(dots)
        if depth == 0 and not continued:
            yield from _whole(begun, parts)
            parts = []
        else:
            parts.append(" " if continued else "\n")
    if depth != 0 or continued:
        raise InputError(f"{path.name} line {begun}: a bracket is not closed; close it")


def _whole(line: int, parts: list[str]) -> Iterator[_Statement]:
    text = "".join(parts).strip()
    if text:
        yield _Statement(line, text)


def _pieces(code: str, depth: int) -> Iterator[tuple[str, bool]]:
    """Split a line at the semicolons outside brackets."""
    start = 0
    quoted = False
    for k, c in enumerate(code):
        quoted ^= c == "'"
        if quoted:
            continue
        depth += (c in "[{(") - (c in "]})")
        if c == ";" and depth == 0:
            yield code[start:k], True
            start = k + 1
    yield code[start:], False


def _opened(code: str) -> int:
    bare = re.sub(r"'[^']*'", "", code)
    return sum((c in "[{(") - (c in "]})") for c in bare)


def _without_comment(line: str) -> str:
    quoted = False
    for k, c in enumerate(line):
        quoted ^= c == "'"
        if c in "%#" and not quoted:
            return line[:k]
    return line


def _apply(case: MatpowerFile, state: _Conversion, statement: _Statement) -> None:
    """Take over one statement."""
    header = _HEADER.match(statement.text)
    if header:
        state.struct, case.name = header.groups()
        return
    if _HEADER_1.match(statement.text):
        raise InputError(
            f"{case.path.name} line {statement.line}: format version 1; save the case in "
            "version '2'"
        )
    if statement.text in ("end", "return") or _INDEX_NAMES.match(statement.text):
        return
    if _convert(case, state, statement):
        return
    found = _FIELD.match(statement.text)
    if found is None or found[1] != (state.struct or found[1]):
        raise _refusal(case, statement)
    state.struct = found[1]
    name, value = found[2], found[4].strip()
    if name not in READ:
        _name_only(case, name, value)
    elif found[3]:
        raise _refusal(case, statement)
    elif name == "version":
        if value.strip("'\"") != "2":
            raise InputError(
                f"{case.path.name} line {statement.line}: format version {value}; save the case "
                "in version '2'"
            )
    elif value.startswith("[") and value.endswith("]"):
        case.matrices[name] = _matrix(case, statement, value[1:-1])
    elif _NUMBER.match(value):
        case.scalars[name] = _number(value)
    else:
        raise _refusal(case, statement)


def _name_only(case: MatpowerFile, name: str, value: str) -> None:
    """Keep the name of a field that is not read, unless it is empty."""
    if re.sub(r"[\[\]{};,\s]", "", value) and name not in case.others:
        case.others.append(name)


def _refusal(case: MatpowerFile, statement: _Statement) -> InputError:
    shown = " ".join(statement.text.split())[:80]
    return InputError(
        f"{case.path.name} line {statement.line}: `{shown}` is code that is not known here, and "
        "code is not executed; write its result into the matrices"
    )


def _matrix(case: MatpowerFile, statement: _Statement, body: str) -> FloatArray:
    rows: list[list[float]] = []
    for offset, line in enumerate(body.split("\n")):
        for row in line.split(";"):
            words = row.replace(",", " ").split()
            wrong = next((word for word in words if not _NUMBER.match(word)), None)
            if wrong is not None:
                raise InputError(
                    f"{case.path.name} line {statement.line + offset}: `{wrong[:40]}` is not a "
                    "number; matrices may hold numbers only"
                )
            if words:
                rows.append([_number(word) for word in words])
            if rows and len(rows[-1]) != len(rows[0]):
                raise InputError(
                    f"{case.path.name} line {statement.line + offset}: {len(rows[-1])} columns "
                    f"where the first row has {len(rows[0])}; make the rows equally long"
                )
    if not rows:
        return np.zeros((0, 0))
    return np.asarray(rows, dtype=np.float64)


def _number(word: str) -> float:
    for sign in "*/":
        first, found, second = word.partition(sign)
        if found:
            return float(first) * float(second) if sign == "*" else float(first) / float(second)
    lower = word.lower()
    if lower.endswith("inf"):
        return -inf if lower.startswith("-") else inf
    return nan if lower.endswith("nan") else float(word)


def _convert(case: MatpowerFile, state: _Conversion, statement: _Statement) -> bool:
    """Do a conversion statement, known word for word; return whether it was one."""
    text = re.sub(r"[\s,]+", "", statement.text.replace(f"{state.struct or 'mpc'}.", "mpc."))
    load, impedance = "mpc.bus(:[PDQD])", "mpc.branch(:[BR_RBR_X])"
    if text == "Vbase=mpc.bus(1BASE_KV)*1e3":
        state.v_base_kv = float(_needed(case, statement, "bus")[0, BASE_KV])
    elif text == "Sbase=mpc.baseMVA*1e6":
        state.s_base_mva = case.scalars.get("baseMVA")
    elif text == f"{impedance}={impedance}/(Vbase^2/Sbase)":
        if state.v_base_kv is None or state.s_base_mva is None:
            raise _refusal(case, statement)
        base_ohm = ohm_base(state.v_base_kv, kw_from_mw(state.s_base_mva))
        _needed(case, statement, "branch")[:, [BR_R, BR_X]] /= base_ohm
    elif text == f"{load}={load}/1e3":
        bus = _needed(case, statement, "bus")
        bus[:, [PD, QD]] = mw_from_kw(bus[:, [PD, QD]])
    elif re.match(r"pf=0?\.\d+\Z", text):
        state.power_factor = float(text.removeprefix("pf="))
    elif text == "mpc.bus(:QD)=mpc.bus(:PD)*sin(acos(pf))" and state.power_factor:
        bus = _needed(case, statement, "bus")
        bus[:, QD] = bus[:, PD] * sin(acos(state.power_factor))
    elif text == "mpc.bus(:PD)=mpc.bus(:PD)*pf" and state.power_factor:
        _needed(case, statement, "bus")[:, PD] *= state.power_factor
    else:
        return False
    return True


def _needed(case: MatpowerFile, statement: _Statement, name: str) -> FloatArray:
    matrix = case.matrices.get(name)
    if matrix is None or not len(matrix):
        raise _refusal(case, statement)
    return matrix
