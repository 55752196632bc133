"""The JSON Schemas of case.toml: what the records give, and what bundled cases keep to."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cmgplan import cli
from cmgplan.case.bundled import bundled_cases
from cmgplan.systems import SYSTEMS

PACKAGES = {"planning": "cmgplan.planning.case", "homes": "cmgplan.homes.case"}


def shipped(system: str) -> dict[str, Any]:
    path = files(PACKAGES[system]).joinpath("case.schema.json")
    return dict(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("system", PACKAGES)
def test_the_shipped_schema_is_that_of_the_records(system: str) -> None:
    given = json.loads(json.dumps(SYSTEMS[system].schema()))
    assert shipped(system) == given, "run scripts/schemas.py"
    jsonschema.Draft202012Validator.check_schema(given)


@pytest.mark.parametrize("case", bundled_cases(), ids=lambda case: str(case.name))
def test_bundled_cases_keep_to_it(case: Any) -> None:
    given = tomllib.loads((Path(case.folder) / "case.toml").read_text(encoding="utf-8"))
    given = json.loads(json.dumps(given, default=str))  # dates are texts in JSON
    jsonschema.validate(given, shipped(case.system))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"fomat": 1}, "fomat"),
        ({"time": {"hours": "five"}}, "five"),
        ({"plan": {"sweep": "spiral"}}, "spiral"),
        ({"grid": {"emission": {}}}, "emission"),
    ],
)
def test_a_mistake_is_marked(change: dict[str, Any], told: str) -> None:
    case = next(case for case in bundled_cases() if case.name == "two-bus")
    given = tomllib.loads((case.folder / "case.toml").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(shipped("planning"))
    assert list(validator.iter_errors(given)) == []
    assert any(told in error.message for error in validator.iter_errors({**given, **change}))


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["schema", "homes"])
    assert stop.value.code == 0
    assert json.loads(capsys.readouterr().out) == shipped("homes")
    with pytest.raises(SystemExit) as stop:
        cli.main(["schema", "castle"])
    assert stop.value.code == 2
    assert "planning or homes" in capsys.readouterr().err
