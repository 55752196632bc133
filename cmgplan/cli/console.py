"""What every command writes with: lines, tables and numbers. No mathematics."""

from __future__ import annotations

import sys
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

NONE = "-"


def plain(text: str) -> str:
    """Return text without the control characters that a terminal would obey."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def say(text: str = "") -> None:
    """Print a line of a command's result."""
    typer.echo(plain(text))


def say_run(folder: Path) -> None:
    """Print where a run stands, and its page."""
    say(f"run: {folder}, page: {folder / 'report.html'}")


def warn(text: str) -> None:
    """Print a line to the error stream."""
    typer.echo(plain(text), err=True)


def new_table(*headers: str) -> Table:
    """Return an empty table, the first column to the left and numbers to the right."""
    table = Table(box=None, pad_edge=False)
    for k, header in enumerate(headers):
        table.add_column(Text(plain(header)), justify="right" if k else "left", no_wrap=True)
    return table


def print_table(table: Table) -> None:
    """Print a table as wide as it is when nobody's screen limits it."""
    width = None if sys.stdout.isatty() else 200
    Console(width=width, markup=False, highlight=False).print(table)


def number(value: float | None, digits: int) -> str:
    """Return a number, or a dash where there is none; what rounds to zero has no sign."""
    return NONE if value is None or value != value else f"{value:z,.{digits}f}"
