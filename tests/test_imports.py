"""The import law: which room may know which, read from the sources."""

from __future__ import annotations

import ast
from pathlib import Path

import networkx as nx
import pytest

import cmgplan

PACKAGE = Path(cmgplan.__file__).parent

RANKS = (
    ("arrays", "version", "units", "errors", "explanation", "plurals", "progress", "given"),
    ("solve", "search", "devices"),
    ("case",),
    ("network",),
    ("run",),
    ("page",),
    ("homes",),
    ("planning", "market", "building", "response", "feeders"),
    ("systems", "run_kinds"),
    ("study",),
    ("cmgplan",),
    ("cli",),
    ("__main__",),
)
"""Rooms from the ground up: each imports lower ranks only, the ground itself too.

``study`` stands over ``systems``, since a study runs cases of any system; nothing that a single
run needs may know of studies. ``cmgplan`` is the package's face, whose modules the ground below
may not import either.
"""

WINGS = ("planning", "market", "building", "response", "feeders")

WITHIN_A_WING = (
    ("case",),
    ("record",),
    ("model",),
    ("switch_search", "why", "leading", "rules", "heuristics", "exact"),
    ("levels", "days", "priced", "feeder", "uncertainty", "market", "compared"),
    ("proof", "result", "tables"),
    ("pipeline", "audit"),
)
"""Inner rooms of a wing. A report and a starter import its case, record, result and tables.

``record`` is what a plan says of itself: levels make it, the result keeps it, the report reads it.

``leading`` is to the market what ``switch_search`` is to planning: how its model is solved;
``audit`` solves a finished result again.
"""

OF_THE_CASE = ("case", "record", "result", "tables")

ADAPTERS = (
    "cmgplan.network.powerflow",
    "cmgplan.network.opf.grid_replay",
    "cmgplan.network.files.net_replay",
    "cmgplan.network.files.pandapower_feeder",
    "cmgplan.network.files.pandapower_matrices",
    "cmgplan.network.files.pandapower_tables",
    "cmgplan.network.files.pandapower_writer",
)

SOLVERS = ("casadi", "clarabel", "highspy")

WITHOUT_PYOMO = ("search", "run", "page")


def imported(source: str, module: str, is_package: bool = False) -> set[str]:
    """Return the dotted names that a module imports anywhere, relative ones made absolute.

    ``from a import b`` counts as ``a`` and ``a.b``, since b may be a module.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                above = module.split(".")[: None if is_package else -1]
                above = above[: len(above) - node.level + 1]
                origin = ".".join([*above, origin] if origin else above)
            names.update({origin, *(f"{origin}.{alias.name}" for alias in node.names)})
    return names


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def place_in(ranks: tuple[tuple[str, ...], ...], room: str) -> int | None:
    """Return the rank of a room, None where the table does not name it."""
    return next((k for k, rooms in enumerate(ranks) if room in rooms), None)


def parts(module: str) -> tuple[str, str]:
    """Return room and inner room of a module of the package."""
    names = [*module.split("."), "", ""]
    return names[1] or "cmgplan", names[2]


def too_high(module: str, name: str) -> bool:
    """Return whether a module imports a room of its own rank or a higher one."""
    room, other = parts(module)[0], parts(name)[0]
    mine, theirs = place_in(RANKS, room), place_in(RANKS, other)
    if mine is None or room == other:
        return mine is None
    # A name of the package itself, or one that the table does not know, is of its face.
    theirs = place_in(RANKS, "cmgplan") if theirs is None else theirs
    assert theirs is not None
    return theirs >= mine if mine else theirs > mine


def out_of_order(module: str, name: str) -> bool:
    """Return whether a module of a wing imports what is not below it there."""
    (room, inner), (other, theirs) = parts(module), parts(name)
    if room not in WINGS or other != room or inner == theirs or not theirs:
        return False
    if inner in ("report", "starter"):
        return theirs not in OF_THE_CASE
    mine, below = place_in(WITHIN_A_WING, inner), place_in(WITHIN_A_WING, theirs)
    if mine is None or below is None:
        return True
    return not (below < mine or (inner, theirs) == ("tables", "result"))


def outsiders(module: str) -> tuple[str, ...]:
    """Return the libraries that a module may not import."""
    room = parts(module)[0]
    packages: list[str] = []
    if room != "solve":
        packages += SOLVERS
    if module not in ADAPTERS:
        packages += ["pandapower"]
    if room in WITHOUT_PYOMO or within(module, "cmgplan.homes.accounts"):
        packages += ["pyomo"]
    if room in WINGS and parts(module)[1] == "report":
        packages += ["pyomo", "cmgplan.solve"]
    return tuple(packages)


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    names = imported(source, module, is_package)
    found = {name for name in names if within(name, *outsiders(module))}
    found |= {
        name
        for name in names
        if within(name, "cmgplan") and (too_high(module, name) or out_of_order(module, name))
    }
    return [f"{module} imports {name}" for name in sorted(found)]


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Return the groups of modules that import each other, directly or on the way."""
    found = nx.strongly_connected_components(
        nx.DiGraph([(a, b) for a, names in graph.items() for b in names])
    )
    return [group for group in found if len(group) > 1]


def modules() -> list[tuple[str, Path]]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("cmgplan", *path.relative_to(PACKAGE).with_suffix("").parts)
        found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return found


def test_every_module_keeps_the_import_law() -> None:
    found = [
        line
        for module, path in modules()
        for line in violations(path.read_text(encoding="utf-8"), module, path.name == "__init__.py")
    ]
    assert found == []


def test_the_walk_sees_the_package() -> None:
    names = {module for module, _ in modules()}
    assert {"cmgplan", *ADAPTERS, "cmgplan.planning.case.records", "cmgplan.devices"} <= names
    for adapter in ADAPTERS:
        source = dict(modules())[adapter].read_text(encoding="utf-8")
        assert any(within(name, "pandapower") for name in imported(source, adapter))


def test_every_room_has_a_rank() -> None:
    rooms = {parts(module)[0] for module, _ in modules()}
    assert {room for room in rooms if place_in(RANKS, room) is None} == set()


def test_nothing_lies_in_a_wing_but_its_last_steps() -> None:
    for wing in WINGS:
        loose = {path.stem for path in (PACKAGE / wing).glob("*.py")}
        assert loose <= {"__init__", "pipeline", "tables", "result"}


def test_no_modules_import_each_other_in_a_circle() -> None:
    names = {module for module, _ in modules()}
    graph = {
        module: {
            name
            for name in imported(path.read_text(encoding="utf-8"), module, path.stem == "__init__")
            if name in names and name != module and not within(module, name)
        }
        for module, path in modules()
        if module != "cmgplan"  # its face imports late
    }
    assert circles(graph) == []
    assert circles({**graph, "cmgplan.units": {"cmgplan.solve.linear"}}) == []
    looped = {**graph, "cmgplan.planning.switch_search.schedules": {"cmgplan.planning.pipeline"}}
    assert circles(looped)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("cmgplan.units", "from cmgplan.devices import base"),
        ("cmgplan.errors", "import cmgplan.case.records"),
        ("cmgplan.solve.linear", "from cmgplan.search.fuzzy import memberships"),
        ("cmgplan.devices.load", "from cmgplan.solve import LinearProblem"),
        ("cmgplan.case.read", "import cmgplan.planning.pipeline"),
        ("cmgplan.case.days", "from cmgplan.network.feeder import Feeder"),
        ("cmgplan.devices.load", "from cmgplan import planning"),
        ("cmgplan.devices.load", "from cmgplan import load_case"),
        ("cmgplan.network.feeder", "from ..planning import pipeline"),
        ("cmgplan.network.feeder", "from cmgplan.planning.case.records import Case"),
        ("cmgplan.solve.linear", "def f():\n    from cmgplan.planning.result import PlanResult"),
        ("cmgplan.run.folder", "from cmgplan.page.parts import Note"),
        ("cmgplan.run.folder", "from cmgplan.cli import console"),
        ("cmgplan.page.parts", "from cmgplan.planning.result import PlanResult"),
        ("cmgplan.homes.case", "from cmgplan.market import pipeline"),
        ("cmgplan.homes.accounts", "import pyomo.environ as pyo"),
        ("cmgplan.market.pipeline", "from cmgplan.planning.result import PlanResult"),
        ("cmgplan.market.model.plant", "from cmgplan.market.leading.milp import search"),
        ("cmgplan.market.leading.milp", "from cmgplan.market.result import MarketResult"),
        ("cmgplan.market.case.structures", "from cmgplan.market.model.plant import Plant"),
        ("cmgplan.building.report.page", "from cmgplan.response.result import Result"),
        ("cmgplan.planning.pipeline", "from cmgplan.systems import SYSTEMS"),
        ("cmgplan.homes.case.read", "from cmgplan.systems import SYSTEMS"),
        ("cmgplan.systems", "from cmgplan import load_case"),
        ("cmgplan.systems", "from cmgplan.study.run import run_study"),
        ("cmgplan.planning.pipeline", "from cmgplan.cli import console"),
        ("cmgplan.study.run", "import cmgplan.cli.entry"),
        ("cmgplan.nowhere.file", "import cmgplan.units"),
        ("cmgplan.planning.case.read", "from cmgplan.planning.model import schedule"),
        ("cmgplan.planning.model.schedule", "from cmgplan.planning.why import explain"),
        ("cmgplan.planning.why.explain", "import cmgplan.planning.switch_search.choose"),
        ("cmgplan.planning.switch_search.state", "import cmgplan.planning.levels.front"),
        ("cmgplan.planning.levels.front", "from cmgplan.planning.proof import prove"),
        ("cmgplan.planning.levels.front", "from cmgplan.planning import pipeline"),
        ("cmgplan.planning.tables", "from cmgplan.planning.report.page import render_page"),
        ("cmgplan.search.fuzzy", "from pyomo.environ import Var"),
        ("cmgplan.search.fuzzy", "import pyomo.environ as pyo"),
        ("cmgplan.run.tables", "import pyomo.environ as pyo"),
        ("cmgplan.page.parts", "import pyomo.environ as pyo"),
        ("cmgplan.search.fuzzy", "import pandapower"),
        ("cmgplan.network.metrics", "import pandapower as pp"),
        ("cmgplan.planning.levels.level1", "if True:\n    import highspy"),
        ("cmgplan.cli", "from casadi import nlpsol"),
        ("cmgplan.planning.report.page", "from cmgplan.solve.outcome import Outcome"),
        ("cmgplan.planning.report.page", "from cmgplan.planning.pipeline import plan"),
        ("cmgplan.planning.report.page", "from cmgplan.planning import pipeline"),
        ("cmgplan.planning.report.page", "from cmgplan.planning.levels import upper"),
        ("cmgplan.planning.record.plan", "from cmgplan.planning.levels import summary"),
        ("cmgplan.planning.record.plan", "from cmgplan.planning.result import PlanResult"),
        ("cmgplan.planning.starter.new", "from cmgplan.planning.model import schedule"),
        ("cmgplan.market.model.plant", "from cmgplan.market.leading import milp"),
        ("cmgplan.market.report.page", "from cmgplan.market.leading import milp"),
        ("cmgplan.building.model.state", "from cmgplan.building.rules import electric"),
        ("cmgplan.building.rules.day", "from cmgplan.building.priced import worth"),
    ],
)
def test_a_planted_violation_is_found(module: str, source: str) -> None:
    assert len(violations(source, module)) >= 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (ADAPTERS[0], "import pandapower as pp"),
        ("cmgplan.solve.linear", "import highspy, casadi"),
        ("cmgplan.errors", "from cmgplan.explanation import Explanation"),
        ("cmgplan.network.opf.model", "from cmgplan.network.grid import Grid"),
        ("cmgplan.page.parts", "from cmgplan.run.tables import Tables"),
        ("cmgplan.planning.pipeline", "from cmgplan.search.fuzzy import memberships"),
        ("cmgplan.planning.levels.front", "from cmgplan.planning.switch_search import choose"),
        ("cmgplan.planning.report.page", "from cmgplan.planning.result import PlanResult"),
        ("cmgplan.planning.report.page", "from cmgplan.planning.case.records import Case"),
        ("cmgplan.planning.report.page", "from cmgplan.planning.record.plan import PlanRecord"),
        ("cmgplan.planning.levels.summary", "from cmgplan.planning.record.plan import PlanRecord"),
        ("cmgplan.market.leading.milp", "from cmgplan.market.model.bilevel import Bilevel"),
        ("cmgplan.market.pipeline", "from cmgplan.homes.accounts import Ledger"),
        ("cmgplan.cli.entry", "from cmgplan import load_case"),
        ("cmgplan.case.read", "from .records import planning"),
        ("cmgplan.search.fuzzy", "import pyomology"),
    ],
)
def test_what_the_law_allows_is_not_reported(module: str, source: str) -> None:
    assert violations(source, module) == []


def test_relative_imports_are_resolved() -> None:
    assert imported("from . import b", "cmgplan.case.a") == {"cmgplan.case", "cmgplan.case.b"}
    assert imported("from .b import c", "cmgplan.case", is_package=True) == {
        "cmgplan.case.b",
        "cmgplan.case.b.c",
    }
    assert imported("from ..x import y", "cmgplan.case.a") == {"cmgplan.x", "cmgplan.x.y"}
