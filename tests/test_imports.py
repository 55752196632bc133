"""The import law: which room may know which, read from the sources."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import cmgplan

PACKAGE = Path(cmgplan.__file__).parent

ROOMS_BELOW = ("case", "devices", "network", "solve", "search")
SYSTEMS = ("planning",)
ADAPTER = "cmgplan.network.powerflow"
ADAPTERS = (
    ADAPTER,
    "cmgplan.network.opf.grid_replay",
    "cmgplan.network.files.net_replay",
    "cmgplan.network.files.pandapower_feeder",
    "cmgplan.network.files.pandapower_matrices",
    "cmgplan.network.files.pandapower_tables",
    "cmgplan.network.files.pandapower_writer",
)
RESULT = "cmgplan.planning.result"


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


def forbidden(module: str) -> tuple[str, ...]:
    """Return the packages that a module may not import."""
    room = module.split(".")[1] if "." in module else ""
    packages: list[str] = []
    if room in ROOMS_BELOW:
        packages += [f"cmgplan.{system}" for system in SYSTEMS]
        packages += ["cmgplan.planning.report", "cmgplan.cli"]
    if room in ("search", "report"):
        packages += ["pyomo"]
    if room == "report":
        packages += ["cmgplan.solve"]
    if module not in ADAPTERS:
        packages += ["pandapower"]
    if room != "solve":
        packages += ["casadi", "clarabel", "highspy"]
    return tuple(packages)


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    names = imported(source, module, is_package)
    found = {name for name in names if within(name, *forbidden(module))}
    if within(module, "cmgplan.planning.report"):
        # A report may read what a plan hands on, not how it was made.
        found |= {
            name
            for name in names
            if name.startswith("cmgplan.planning.") and not within(name, RESULT)
        }
    return [f"{module} imports {name}" for name in sorted(found)]


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


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("cmgplan.planning.case.read", "import cmgplan.planning.pipeline"),
        ("cmgplan.devices.load", "from cmgplan import planning"),
        ("cmgplan.network.feeder", "from ..planning import pipeline"),
        ("cmgplan.solve.linear", "def f():\n    from cmgplan.planning.result import PlanResult"),
        ("cmgplan.search.fuzzy", "from pyomo.environ import Var"),
        ("cmgplan.search.fuzzy", "import pyomo.environ as pyo"),
        ("cmgplan.search.fuzzy", "import pandapower"),
        ("cmgplan.network.metrics", "import pandapower as pp"),
        ("cmgplan.planning.level1", "if True:\n    import highspy"),
        ("cmgplan.cli", "from casadi import nlpsol"),
        ("cmgplan.page.page", "from cmgplan.solve.outcome import Outcome"),
        ("cmgplan.page.page", "from cmgplan.planning.pipeline import plan"),
        ("cmgplan.page.page", "from cmgplan.planning import pipeline"),
    ],
)
def test_a_planted_violation_is_found(module: str, source: str) -> None:
    assert len(violations(source, module)) >= 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (ADAPTER, "import pandapower as pp"),
        ("cmgplan.solve.linear", "import highspy, casadi"),
        ("cmgplan.planning.pipeline", "from cmgplan.search.fuzzy import memberships"),
        ("cmgplan.page.page", "from cmgplan.planning.result import PlanResult"),
        ("cmgplan.planning.case.read", "from .records import planning"),
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
