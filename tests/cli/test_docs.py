"""README and docs say what is so: commands parse, the quick ones run, links hold."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import cmgplan
from cmgplan import cli
from cmgplan.case.bundled import bundled_names
from cmgplan.cli.entry import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md")),
    *sorted(DOCS.rglob("*.md")),
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"^ {4}(?:\$ )?(cmgplan .*)$", re.MULTILINE)
WRITES = "--write-case"
READS_A_CASE = {"plan", "check", "optimum", "market", "building", "respond"}
QUICK = (
    "cases",
    "schema",
    "check",
    "new ours",
    "new mine",
    "plan two-bus",
    "optimum two-homes",
    "optimum ours",
    "report runs/two-",
    "verify runs/two-",
    "compare runs/two-bus",
    "export runs/two-bus",
)
"""Beginnings of commands that take about a second."""

FEEDER = """function mpc = feeder
mpc.version = '2';
mpc.baseMVA = 1;
mpc.bus = [
1 3 0    0    0 0 1 1 0 11 1 1.1 0.9;
2 1 0.30 0.10 0 0 1 1 0 11 1 1.1 0.9;
3 1 0.20 0.08 0 0 1 1 0 11 1 1.1 0.9;
];
mpc.gen = [ 1 0 0 10 -10 1 1 1 10 -10; ];
mpc.branch = [
1 2 0.01 0.01 0 0 0 0 0 0 1 -360 360;
2 3 0.01 0.01 0 0 0 0 0 0 1 -360 360;
];
mpc.gencost = [ 2 0 0 3 0 30 0; ];
"""

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
SYNOPSIS = re.compile(r"[\[\]]|\.\.\.|\b[A-Z]{3,}\b")


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for _, language, body in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in languages:
            yield body


def command_lines(page: Path) -> list[list[str]]:
    """Return the words of every ``cmgplan`` line in code blocks, comments left out."""
    text = page.read_text(encoding="utf-8")
    shown = "\n".join(blocks(page, "", "sh", "bash", "console")).split("\n")
    lines = [*shown, *INDENTED.findall(BLOCK.sub("", text))]
    start = re.compile(r"^\s*(?:\$ )?(?:\.venv/bin/)?cmgplan (?=\S)")
    return [shlex.split(start.sub("", x), comments=True) for x in lines if start.match(x)]


def options_of(command: str) -> set[str]:
    parameters = COMMANDS[command].params
    return {name for parameter in parameters for name in parameter.opts} | {"--help", "-h"}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_of_a_page_parses(page: Path) -> None:
    for words in command_lines(page):
        command, *rest = words
        if command in ("--help", "--version"):
            continue
        assert command in COMMANDS, f"cmgplan {shlex.join(words)}"
        if any(SYNOPSIS.search(word) for word in rest):
            given = {option for word in rest for option in re.findall(r"--[a-z-]+", word)}
            assert given <= options_of(command), f"cmgplan {shlex.join(words)}"
            continue
        COMMANDS[command].make_context(command, list(rest))  # raises where it cannot be


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_case_of_a_page_is_there(page: Path) -> None:
    every = [words for other in PAGES for words in command_lines(other)]
    made = {words[1] for words in every if words[0] == "new"}
    made |= {words[words.index(WRITES) + 1] for words in every if WRITES in words}
    for command, *rest in command_lines(page):
        if command in READS_A_CASE and not rest[0].startswith("-"):
            case = rest[0]
            known = case in bundled_names() or case in made or SYNOPSIS.search(case)
            assert known or (ROOT / case).is_dir(), f"cmgplan {command} {case}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_options_named_in_the_text_exist(page: Path) -> None:
    """As in `cmgplan plan CASE [--points N]`."""
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    for code in re.findall(r"`cmgplan ([^`]+)`", text):
        command = re.match(r"[a-z]+", code)
        if command is None or command[0] not in COMMANDS:
            assert re.match(r"--(help|version)|COMMAND|`", code), code
            continue
        assert set(re.findall(r"--[a-z-]+", code)) <= options_of(command[0]), code


def test_every_option_stands_in_the_page_of_commands() -> None:
    _, _, table = (DOCS / "commands.md").read_text(encoding="utf-8").partition("## Options")
    rows = dict(re.findall(r"^\| ([`a-z, ]+) \| (.+) \|$", table, re.MULTILINE))
    told = {
        name: set(re.findall(r"--[a-z-]+", row))
        for names, row in rows.items()
        for name in re.findall(r"[a-z]+", names)
    }
    for command in COMMANDS:
        own = {option for option in options_of(command) if option.startswith("--")}
        secondary = {name for one in COMMANDS[command].params for name in one.secondary_opts}
        assert told[command] - secondary == own - {"--help", "--debug"}, command


def test_every_option_says_what_it_does() -> None:
    for name, command in COMMANDS.items():
        for parameter in command.params:
            assert parameter.help, f"cmgplan {name} {parameter.opts}"


def test_the_quick_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of README, getting started, your own homes: as somebody new would."""
    monkeypatch.chdir(tmp_path)
    Path("feeder.m").write_text(FEEDER, encoding="utf-8")
    seen: list[str] = []
    for name in ("README.md", "docs/getting_started.md", "docs/own_homes.md"):
        for words in command_lines(ROOT / name):
            line = shlex.join(words)
            if line in seen or not line.startswith(QUICK):
                continue
            seen.append(line)
            with pytest.raises(SystemExit) as stop:
                cli.main([*words, "--quiet"] if words[0] in ("plan", "optimum") else words)
            assert (stop.value.code or 0) == 0, line
    assert len(seen) > 10
    assert (tmp_path / "runs" / "two-bus" / "report.html").is_file()
    assert (tmp_path / "mine" / "case.toml").is_file()


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_of_a_page_is_sound_and_imports_what_is_there(page: Path) -> None:
    for body in blocks(page, "python"):
        for node in ast.walk(ast.parse(body)):
            if isinstance(node, ast.ImportFrom) and node.module == "cmgplan":
                for alias in node.names:
                    assert hasattr(cmgplan, alias.name), alias.name


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_of_a_page_hold(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", BLOCK.sub("", page.read_text(encoding="utf-8")))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if page.is_relative_to(DOCS):
            assert target.is_relative_to(DOCS), f"{link} is not in the site"
        if anchor:
            assert anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    headings = re.findall(
        r"^#+ (.+)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE
    )
    plain = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in headings)
    return {re.sub(r"[\s-]+", "-", heading) for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_scripts_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for script in re.findall(r"(?<![\w/])(?:scripts/[\w.]+|examples/\w+\.py)", text):
        assert (ROOT / script.rstrip(".")).exists(), script


def test_the_front_door_is_short_and_has_a_picture() -> None:
    assert len((ROOT / "README.md").read_bytes()) < 8_000
    picture = (DOCS / "page.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 300_000


def test_no_cell_of_a_table_ends_in_braces() -> None:
    """The site would take ``{A, BC}`` at the end of a cell for attributes, and leave it out."""
    cells = [
        (page.name, cell.strip())
        for page in DOCS.rglob("*.md")
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
        for cell in line.split("|")
    ]
    assert len(cells) > 1000
    assert [cell for cell in cells if cell[1].endswith("}")] == []


def test_every_page_is_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert {page for page in pages if not re.search(rf"[-:] {page}$", menu, re.M)} == set()
