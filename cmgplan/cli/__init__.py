"""The command line: one file for each group of commands."""

from cmgplan.cli.entry import app, main

__all__ = ["app", "main"]
