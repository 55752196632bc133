"""Cases found by name, in the repository and in an installed package."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cmgplan
from cmgplan import check_case, cli, load_case
from cmgplan.case import bundled
from cmgplan.planning.case.network import read_network

ROOT = Path(__file__).parents[2]
NAMES = {
    "apartment5",
    "apartment5-15bus",
    "apartment5-33bus",
    "apartment5-69bus",
    "hmg3",
    "hmg3-es-in-b",
    "hmg3-response",
    "ieee33",
    "ieee33-year",
    "ieee94",
    "ieee94-costs",
    "two-bus",
    "two-homes",
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder without cases."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


def test_every_bundled_case_is_sound_and_says_what_it_is() -> None:
    assert set(bundled.bundled_names()) == NAMES
    for case in bundled.bundled_cases():
        assert case.title
        assert load_case(case.name).name == case.name
        assert [str(f) for f in check_case(case.name) if f.severity == "error"] == []
        assert (case.folder / "SOURCES.md").is_file()


def test_a_name_works_wherever_a_folder_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert load_case("two-bus").folder == ROOT / "cases" / "two-bus"
    assert len(read_network(Path("two-bus")).grid.bus_ids) == 2
    assert run("check", "two-bus") == 0
    assert run("cases") == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in NAMES)
    assert str(ROOT / "cases") in printed


def test_a_folder_of_that_name_goes_first(elsewhere: Path) -> None:
    shutil.copytree(ROOT / "cases" / "two-bus", elsewhere / "ieee94")
    assert load_case("ieee94").name == "two-bus"
    (elsewhere / "ieee94" / "case.toml").unlink()
    assert load_case("ieee94").name == "ieee94"


@pytest.mark.parametrize("given", ["cases/ieee94", "./sub/ieee94", "/ieee94"])
def test_a_path_is_no_name(given: str) -> None:
    (fault,) = check_case(given)
    assert "there is no such case folder; did you mean ieee94?" in str(fault)


def test_an_unknown_name_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("plan", "iee33") == 2
    printed = capsys.readouterr().err
    assert "did you mean ieee33?" in printed
    assert ", ".join(sorted(NAMES)) in printed
    assert run("check", "no-such-case") == 2
    assert "or a bundled case: " in capsys.readouterr().out


def test_every_file_is_shipped() -> None:
    """Python files are found by setup.py, which the next test runs; others need a pattern."""
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    package = Path(cmgplan.__file__).parent
    assert {path.parent for path in package.rglob("*.py")} == {
        path.parent for path in package.rglob("__init__.py")
    }
    data = setup["setuptools"]["package-data"]
    shipped = {p for pattern in data["cmgplan"] for p in package.glob(pattern)}
    others = {p for p in package.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")}
    assert others <= shipped
    cases = {p for pattern in data["cmgplan.cases"] for p in (ROOT / "cases").glob(pattern)}
    assert {p for p in (ROOT / "cases").rglob("*") if p.is_file()} == cases


def test_an_installed_package_has_the_cases(elsewhere: Path) -> None:
    """What a wheel would hold, built from a copy, plans by name."""
    source, target = elsewhere / "source", elsewhere / "target"
    source.mkdir()
    for name in ("cmgplan", "cases"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    build = [sys.executable, "setup.py", "build_py", "--build-lib"]
    subprocess.run([*build, str(target)], cwd=source, check=True, capture_output=True, timeout=200)
    script = (
        "import cmgplan, sys\n"
        "assert cmgplan.__file__.startswith(sys.argv[1]), cmgplan.__file__\n"
        "case = cmgplan.load_case('ieee33')\n"
        "assert str(case.folder).startswith(sys.argv[1]), case.folder\n"
        "import cmgplan.planning.starter.new as new\n"
        "assert new._example_day().count(chr(10)) == 25\n"
        "from cmgplan.case.starting import templates\n"
        "for starter in ('cmgplan.planning.starter', 'cmgplan.homes.starter'):\n"
        "    templates(starter).get_template('case.toml.jinja')\n"
        "from cmgplan.case.bundled import bundled_names\n"
        "print(*bundled_names())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(target)],
        cwd=elsewhere,
        env={"PYTHONPATH": str(target), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == NAMES
    built = {path.relative_to(target) for path in target.glob("cmgplan/**/*") if path.is_file()}
    source_files = {path.relative_to(source) for path in source.glob("cmgplan/**/*.*")}
    assert {path for path in source_files if path.suffix in (".py", ".jinja", ".json")} <= built
