"""Alter copies of a finished run at random, and try every command that reads a run on each.

No command may end in a traceback: it ends with exit 0, 2 (the file and what is wrong with it) or 5
(the contents contradict each other). What is told beside that is how often ``verify`` noticed.

    .venv/bin/python scripts/altered_runs.py RUN [--count 300] [--seed 1] [--only verify]
    .venv/bin/python scripts/altered_runs.py RUN --fields

``--fields`` goes through every field of every table and of plan.json or run.json instead, changes
one value of each, and lists the fields whose change ``verify`` does not notice.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import random
import re
import shutil
import sys
import tempfile
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmgplan.cli import main as cmgplan

COMMANDS = ("verify", "report", "compare", "export")
ALLOWED = {0, 2, 5}
PLAN, RUN = "plan.json", "run.json"
Leaf = tuple[str | int, ...]


@dataclass(frozen=True)
class Alteration:
    """What was changed: its kind, where, and from what to what."""

    kind: str
    place: str
    told: str

    def __str__(self) -> str:
        """Return the alteration as one line."""
        return f"{self.kind}: {self.place}: {self.told}"


@dataclass(frozen=True)
class Ending:
    """How a command ended: its exit code, None with a traceback, and what it said."""

    code: int | None
    said: str


# What a number may become; each gives the new text of a cell or the new value of JSON.
NUMBERS: dict[str, Callable[[float], Any]] = {
    "number scaled": lambda value: value * 1.1,
    "sign flipped": lambda value: -value,
    "set to 1e30": lambda value: 1e30,
    "set to -999": lambda value: -999.0,
    "set to NaN": lambda value: float("nan"),
    "set to infinity": lambda value: float("inf"),
}
CELLS = {"emptied": "", "set to text": "much", "set to 1e400": "1e400", "many digits": "9" * 400}
VALUES: dict[str, Any] = {
    "type swapped: list": [1, "a"],
    "type swapped: object": {"a": {}},
    "type swapped: text": "text",
    "type swapped: truth": True,
    "type swapped: number": 7.5,
    "set to null": None,
}
FILES = (
    "missing",
    "empty",
    "folder in its place",
    "link to itself",
    "link to a device",
    "other encoding",
    "zero bytes",
    "bytes cut",
    "quote opened",
    "folder of it missing",
)
LEAST = 1e-3
"""Numbers under this are not scaled: what is left is a solver's rounding."""


def alter(folder: Path, rng: random.Random) -> Alteration:
    """Change one thing in a run folder."""
    while True:
        how = rng.choices((_cell, _rows, _plan_value, _plan_text, _file), (35, 15, 35, 5, 10))[0]
        if (done := how(folder, rng)) is not None:
            return done


def summary_of(folder: Path) -> Path:
    """Return the file that says what a run is: plan.json of a plan, run.json of homes."""
    return folder / (PLAN if (folder / PLAN).exists() else RUN)


def _tables(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*.csv") if "case" not in p.relative_to(folder).parts)


def _read(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text("utf-8").splitlines()))


def _write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", cell) is not None


def _pick_table(folder: Path, rng: random.Random) -> Path:
    """Return a table, those of the points as often as any one of the others."""
    tables = _tables(folder)
    own = [path for path in tables if path.parent == folder]
    points = [path for path in tables if path.parent != folder]
    return rng.choice([*own, rng.choice(points)] if points else own)


def _cell(folder: Path, rng: random.Random) -> Alteration | None:
    path = _pick_table(folder, rng)
    rows = _read(path)
    column = rng.randrange(len(rows[0]))
    row = rng.randrange(1, len(rows))
    return change_cell(folder, path, rows, row, column, rng)


def change_cell(
    folder: Path, path: Path, rows: list[list[str]], row: int, column: int, rng: random.Random
) -> Alteration | None:
    """Change a cell of a table; None where the change would be none."""
    old = rows[row][column]
    if not _is_number(old):
        others = [r[column] for r in rows[1:] if r[column] != old]
        new = rng.choice([rng.choice(others) if others else "X", "X", "=1+1", ""])
        kind = "text replaced"
    elif rng.random() < 0.75:
        kind, change = rng.choice(list(NUMBERS.items()))
        value = change(float(old))
        if abs(float(old)) < LEAST and kind in ("number scaled", "sign flipped"):
            return None
        is_whole = re.fullmatch(r"-?\d+", old) is not None
        new = f"{value:.0f}" if is_whole and kind == "sign flipped" else f"{value:.10g}"
    else:
        kind, new = rng.choice(list(CELLS.items()))
    if new == old:
        return None
    rows[row][column] = new
    _write(path, rows)
    place = f"{path.relative_to(folder)} row {row + 1}, {rows[0][column]}"
    return Alteration(kind, place, f"{old} -> {new[:20]}")


def _rows(folder: Path, rng: random.Random) -> Alteration:
    path = _pick_table(folder, rng)
    rows = _read(path)
    kind = rng.choice(["row dropped", "row duplicated", "column dropped", "header only", "level"])
    k, column = rng.randrange(1, len(rows)), rng.randrange(len(rows[0]))
    told = ",".join(rows[k])
    if kind == "row dropped":
        del rows[k]
    elif kind == "row duplicated":
        rows.insert(k, rows[k])
    elif kind == "column dropped":
        told = rows[0][column]
        rows = [row[:column] + row[column + 1 :] for row in rows]
    elif kind == "header only":
        del rows[1:]
    else:
        kind, told = "all rows of one kind dropped", rows[k][0]
        rows = [rows[0], *(row for row in rows[1:] if row[0] != told)]
    _write(path, rows)
    return Alteration(kind, str(path.relative_to(folder)), told)


def leaves(value: Any, path: Leaf = ()) -> Iterator[Leaf]:
    """Yield the path of every value of JSON, objects and lists too."""
    if path:
        yield path
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, item in items:
        yield from leaves(item, (*path, key))


def field_of(path: Leaf) -> str:
    """Return a path without the places in lists."""
    return "".join("[]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def fields_of(content: Any) -> dict[str, list[Leaf]]:
    """Return every path of JSON by its field."""
    found: dict[str, list[Leaf]] = defaultdict(list)
    for path in leaves(content):
        found[field_of(path)].append(path)
    return found


def _plan_value(folder: Path, rng: random.Random) -> Alteration | None:
    content = json.loads(summary_of(folder).read_text("utf-8"))
    fields = fields_of(content)
    path = rng.choice(fields[rng.choice(sorted(fields))])
    return change_value(folder, content, path, rng)


def change_value(
    folder: Path, content: Any, path: Leaf, rng: random.Random, kind: str | None = None
) -> Alteration | None:
    """Change a value of plan.json; None where the change would be none."""
    inside = content
    for part in path[:-1]:
        inside = inside[part]
    old = inside[path[-1]]
    number = isinstance(old, int | float) and not isinstance(old, bool)
    kinds = [*VALUES, "key deleted", *(["text replaced"] if isinstance(old, str) else [])]
    if number:
        kinds = [*NUMBERS, *NUMBERS, *kinds]
    kind = rng.choice(kinds) if kind is None else kind
    if kind == "key deleted":
        del inside[path[-1]]
        new: Any = "(deleted)"
    else:
        new = f"X{old}" if kind == "text replaced" else VALUES.get(kind)
        if kind in NUMBERS:
            new = NUMBERS[kind](float(old))
            if abs(old) < LEAST and kind in ("number scaled", "sign flipped"):
                return None
            if isinstance(old, int) and kind in ("number scaled", "sign flipped"):
                new = old + 1 if kind == "number scaled" else -old
        if type(new) is type(old) and new == old:
            return None
        inside[path[-1]] = new
    summary_of(folder).write_text(json.dumps(content), "utf-8")
    return Alteration(
        kind, f"{summary_of(folder).name} {field_of(path)}", f"{str(old)[:30]} -> {str(new)[:20]}"
    )


def _plan_text(folder: Path, rng: random.Random) -> Alteration:
    path = summary_of(folder)
    text = path.read_text("utf-8")
    key = rng.choice(re.findall(r'"(\w+)": ', text))
    told = {
        "key twice": lambda: text.replace(f'"{key}": ', f'"{key}": 0, "{key}": ', 1),
        "brackets": lambda: "[" * 100_000,
        "brackets inside": lambda: text.replace(
            f'"{key}": ', f'"{key}x": {"[" * 50_000}{"]" * 50_000}, "{key}": ', 1
        ),
        "brackets, 900 deep": lambda: text.replace(
            f'"{key}": ', f'"{key}x": {"[" * 900}{"]" * 900}, "{key}": ', 1
        ),
        "number of 5,000 digits": lambda: re.sub(
            rf'("{key}"): [-\d.e+]+', rf"\g<1>: {'9' * 5000}", text
        ),
        "number of 400 digits": lambda: re.sub(
            rf'("{key}"): [-\d.e+]+', rf"\g<1>: {'9' * 400}", text
        ),
        "number 1e400": lambda: re.sub(rf'("{key}"): [-\d.e+]+', r"\1: 1e400", text),
        "half a character": lambda: re.sub(rf'("{key}"): "', r'\1: "\\ud800', text),
        "cut off": lambda: text[: rng.randrange(len(text))],
    }
    kind = rng.choice(sorted(told))
    path.write_text(told[kind](), "utf-8")
    return Alteration(kind, path.name, key)


def _file(folder: Path, rng: random.Random) -> Alteration | None:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".html")
    own = [p for p in files if p.parent == folder]
    path = rng.choice([*own, *own, *rng.sample(files, min(3, len(files)))])
    place, content = str(path.relative_to(folder)), path.read_bytes()
    kind = rng.choice(FILES)
    if kind == "folder of it missing" and path.parent == folder:
        return None
    path.unlink()
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "folder in its place":
        path.mkdir()
    elif kind == "link to itself":
        path.symlink_to(path.name)
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    elif kind == "folder of it missing":
        shutil.rmtree(path.parent)
    elif kind != "missing":
        half = len(content) // 2
        middle = {"other encoding": b"\xe9\xff", "zero bytes": b"\0\0", "quote opened": b'"'}
        path.write_bytes(content[:half] + middle.get(kind, b"") + content[half + 7 :])
    return Alteration(kind, place, "")


def ending(command: str, run: Path, true_run: Path) -> Ending:
    """Run a command in this process and return how it ended."""
    out = run.with_name(f"{run.name}-{command}")
    arguments = {
        "compare": ["compare", str(true_run), str(run), "--out", str(out)],
        "export": ["export", str(run), "--out", str(out)],
    }.get(command, [command, str(run)])
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            cmgplan(arguments)
    except SystemExit as stop:
        return Ending(stop.code if isinstance(stop.code, int) else 1, said.getvalue())
    except BaseException:  # noqa: BLE001 - whatever it is, it is what is looked for
        return Ending(None, traceback.format_exc())
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _verdict(end: Ending) -> tuple[int | None, list[str]]:
    """Return exit code and findings of ``verify``; an unaltered run may have findings too."""
    lines = end.said.splitlines()
    kept = [line for line in lines if line.startswith(("FAILED", "  "))]
    return end.code, kept


def altered(true_run: Path, scratch: Path, count: int, seed: int) -> Iterator[Alteration]:
    """Yield alterations of fresh copies of a run, each standing in ``scratch`` while it is told."""
    for k in range(count):
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(true_run, scratch, symlinks=True)
        yield alter(scratch, random.Random(seed * 1_000_003 + k))  # noqa: S311 - no secret


def _try_many(true_run: Path, scratch: Path, count: int, seed: int, commands: list[str]) -> int:
    faults = 0
    ends: dict[str, Counter[str]] = defaultdict(Counter)
    noticed: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    missed = []
    before = _verdict(ending("verify", true_run, true_run))
    for k, change in enumerate(altered(true_run, scratch, count, seed), start=1):
        print(f"\r{k} of {count}", end="", file=sys.stderr, flush=True)
        for command in commands:
            end = ending(command, scratch, true_run)
            ends[command][str(end.code)] += 1
            if end.code not in ALLOWED or "Traceback" in end.said:
                faults += 1
                print(f"{command} ended with {end.code}: {change}\n{end.said[-1500:]}")
            if command == "verify":
                seen = _verdict(end) != before
                noticed[change.kind][1] += 1
                noticed[change.kind][0] += seen
                missed += [] if seen else [change]
    for command, counted in ends.items():
        print(f"{command:8}", ", ".join(f"exit {code}: {n}" for code, n in sorted(counted.items())))
    for kind, (found, of) in sorted(noticed.items()):
        print(f"verify noticed {found:3} of {of:3}  {kind}")
    print(f"verify noticed {sum(f for f, _ in noticed.values())} of {count}; it missed:")
    for change in missed:
        print(f"  {change}")
    print(f"{faults} endings in a traceback or with another code")
    return faults


def _try_fields(true_run: Path, scratch: Path, seed: int) -> None:
    """Change one value of every field and list the fields whose change is not noticed."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    tried = missed = 0
    before = _verdict(ending("verify", true_run, true_run))
    for told in _each_field(true_run, scratch, rng):
        tried += 1
        if _verdict(ending("verify", scratch, true_run)) == before:
            missed += 1
            print(f"  missed {told}")
    print(f"verify noticed {tried - missed} of {tried} fields changed")


def _each_field(true_run: Path, scratch: Path, rng: random.Random) -> Iterator[Alteration]:
    def fresh() -> None:
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(true_run, scratch)

    content = json.loads(summary_of(true_run).read_text("utf-8"))
    for paths in fields_of(content).values():
        for kind in ("number scaled", "text replaced", "key deleted"):
            fresh()
            candidates = [p for p in paths if _suits(content, p, kind)]
            if not candidates:
                continue
            own = json.loads(summary_of(true_run).read_text("utf-8"))
            told = change_value(scratch, own, rng.choice(candidates), rng, kind)
            if told is not None:
                yield told
    stems = [p for p in _tables(true_run) if p.parent == true_run or p.parent.name == "01"]
    for table in stems:
        rows = _read(table)
        for column, name in enumerate(rows[0]):
            fresh()
            usable = [r for r in range(1, len(rows)) if _usable(rows[r][column])]
            if not usable:
                continue
            row = rng.choice(usable)
            old = rows[row][column]
            new = f"{float(old) * 1.1:.10g}" if _is_number(old) else f"X{old}"
            if re.fullmatch(r"-?\d+", old):
                new = str(int(old) + 1)
            changed = [list(r) for r in rows]
            changed[row][column] = new
            path = scratch / table.relative_to(true_run)
            _write(path, changed)
            place = f"{table.relative_to(true_run)} row {row + 1}, {name}"
            yield Alteration("cell changed", place, f"{old} -> {new}")


def _usable(cell: str) -> bool:
    return cell != "" and (not _is_number(cell) or abs(float(cell)) > LEAST or cell == "0")


def _suits(content: Any, path: Leaf, kind: str) -> bool:
    value = content
    for part in path:
        value = value[part]
    if kind == "number scaled":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and (isinstance(value, int) or abs(value) > LEAST)
    return kind == "key deleted" or (kind == "text replaced" and isinstance(value, str))


def main() -> None:
    """Read the arguments, alter, and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("run", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=COMMANDS, action="append")
    parser.add_argument("--fields", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder) / "run"
        if given.fields:
            _try_fields(given.run, scratch, given.seed)
            return
        commands = list(given.only or COMMANDS)
        faults = _try_many(given.run, scratch, given.count, given.seed, commands)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
