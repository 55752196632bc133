"""Run the examples, and write a page of the site for each: its text, its code, what it prints.

Run from the folder of the project:

    .venv/bin/python scripts/example_pages.py [examples/NAME.py ...]

Cells begin with ``# %%``, those of text with ``# %% [markdown]``.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "examples"
CELL = re.compile(r"^# %%(?= \[markdown\]$|$)", re.MULTILINE)
"""A line that begins a cell; text may name ``# %%`` too."""


@dataclass(frozen=True)
class Cell:
    """A cell of an example: text, or code with what it printed."""

    is_text: bool
    source: str
    printed: str = ""


def cells_of(source: str) -> list[Cell]:
    """Return the cells of an example."""
    cells = []
    for part in CELL.split(source)[1:]:
        head, _, body = part.partition("\n")
        is_text = "[markdown]" in head
        if is_text:
            lines = [line.removeprefix("#").removeprefix(" ") for line in body.splitlines()]
            body = "\n".join(lines)
        cells.append(Cell(is_text, body.strip()))
    return cells


def run_example(path: Path, folder: Path) -> tuple[list[Cell], dict[str, Any]]:
    """Run an example in a folder; return its cells with what they printed, and its names."""
    names: dict[str, Any] = {"__name__": "__main__"}
    done = []
    before = Path.cwd()
    os.chdir(folder)
    try:
        for cell in cells_of(path.read_text(encoding="utf-8")):
            printed = io.StringIO()
            if not cell.is_text:
                with contextlib.redirect_stdout(printed):
                    exec(compile(cell.source, str(path), "exec"), names)  # noqa: S102 - our own
            done.append(Cell(cell.is_text, cell.source, printed.getvalue().rstrip()))
    finally:
        os.chdir(before)
    return done, names


def page_of(path: Path, cells: list[Cell]) -> str:
    """Return the page of an example that has been run."""
    title, *rest = cells
    heading, _, text = title.source.partition("\n")
    about = (
        f"*This page is `examples/{path.name}` with what it prints. Run it as a script, or cell by "
        "cell in an editor that knows `# %%`.*"
    )
    parts = [heading, about, text.strip()]
    for cell in rest:
        if cell.is_text:
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        if cell.printed:
            parts.append(f"```text\n{cell.printed}\n```")
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Write the pages of the examples that are named, or of all."""
    given = [Path(name).resolve() for name in sys.argv[1:]]
    PAGES.mkdir(exist_ok=True)
    for path in given or sorted((ROOT / "examples").glob("*.py")):
        with tempfile.TemporaryDirectory() as folder:
            cells, _ = run_example(path, Path(folder))
        page = PAGES / f"{path.stem}.md"
        page.write_text(page_of(path, cells), encoding="utf-8")
        print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
