"""Every combination of the options of a study, checked against those of its command."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from math import inf, prod
from typing import Any, get_origin

from pydantic import ValidationError

from cmgplan.case.explain import known_key, problems
from cmgplan.errors import Fault
from cmgplan.study.kinds import StudySystem
from cmgplan.study.records import MOST_TASKS

WHERE = "over.options"

RATINGS = "ratings"
"""Key of every study: a factor on the ratings of lines, ties and connections."""


def combinations(
    system: StudySystem, asked: Mapping[str, Any], file: str, faults: list[Fault]
) -> list[dict[str, Any]]:
    """Return every combination of options by flag, appending what is wrong with them.

    A value that is no list counts as a list of one. Without options there is one combination,
    which is empty.
    """
    form = system.options_form()
    by_flag = fields_by_flag(system)
    values: dict[str, list[Any]] = {}
    for key, given in asked.items():
        flag = key.replace("_", "-")
        if flag == RATINGS:
            values[flag] = _ratings(given, file, faults)
            continue
        if flag in system.fixed:
            message = f"{key} is set by the study, which runs one task a core"
            faults.append(Fault(file, f"{WHERE}.{key}", message, "leave it out; give --workers"))
            continue
        if flag not in by_flag:
            message = f"{key} is not an option of cmgplan {system.command}"
            faults.append(
                Fault(file, f"{WHERE}.{key}", message, known_key(flag, [*by_flag, RATINGS])[1])
            )
            continue
        if flag in values:
            faults.append(Fault(file, f"{WHERE}.{key}", f"{key} stands twice", "leave one out"))
            continue
        listed = list(given) if isinstance(given, tuple) else [given]
        values[flag] = _sound(form, by_flag[flag], listed, f"{WHERE}.{key}", file, faults)
    count = prod(len(listed) for listed in values.values())
    if count > MOST_TASKS:  # before they are made: a few long lists have more than memory holds
        message = f"{count:,} combinations of options"
        mend = f"run at most {MOST_TASKS:,} tasks in one study; split it"
        faults.append(Fault(file, WHERE, message, mend))
        return []
    found = [dict(zip(values, row, strict=True)) for row in itertools.product(*values.values())]
    return found if faults else _together(system, found, file, faults)


def fields_by_flag(system: StudySystem) -> dict[str, str]:
    """Return the fields of a system's options by flag; those that a study sets are left out."""
    named = {field: flag for flag, field in system.flags.items()}
    form = system.options_form()
    return {
        named.get(field, field.replace("_", "-")): field
        for field in form.model_fields
        if field not in system.fixed
    }


def as_fields(system: StudySystem, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of the command by field, with those that a study sets."""
    form, by_flag = system.options_form(), fields_by_flag(system)
    given = {
        by_flag[flag]: _shaped(form, by_flag[flag], value)
        for flag, value in options.items()
        if flag != RATINGS
    }
    return {**system.fixed, **given}


def told(options: Mapping[str, Any]) -> str:
    """Return options as tables tell them: ``points=3 hierarchy=joint``."""
    return " ".join(f"{flag}={_plain(value)}" for flag, value in options.items())


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(str(item) for item in value)
    if isinstance(value, Mapping):
        return ",".join(f"{key}:{item}" for key, item in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shaped(form: type[Any], field: str, value: Any) -> Any:
    """Return a value as its record wants it: a lone text where several may stand is one of them."""
    several = get_origin(form.model_fields[field].annotation) is tuple
    if several and not isinstance(value, list | tuple):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _sound(
    form: type[Any], field: str, listed: Iterable[Any], where: str, file: str, faults: list[Fault]
) -> list[Any]:
    """Return the values of one option that its record takes."""
    found: list[Any] = []
    for k, value in enumerate(listed):
        place = f"{where}[{k}]"
        data = {field: _shaped(form, field, value)}
        try:
            form.model_validate(data)
        except ValidationError as error:
            faults.extend(
                Fault(file, place, p.message, p.mend) for p in problems(error, form, data)
            )
            continue
        if value in found:
            faults.append(Fault(file, place, f"{value} stands twice", "leave one out"))
        found.append(value)
    if not found and not faults:
        faults.append(Fault(file, where, "the list is empty", "give values, or leave the key out"))
    return found


def _ratings(given: Any, file: str, faults: list[Fault]) -> list[float]:
    """Return factors of ratings, appending what is wrong with them."""
    listed = list(given) if isinstance(given, tuple) else [given]
    found: list[float] = []
    for k, value in enumerate(listed):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0.0 < value < inf:
            message = f"{value!r} is no factor of ratings"
            mend = "give a number above 0; 1.2 is 20 % more"
            faults.append(Fault(file, f"{WHERE}.{RATINGS}[{k}]", message, mend))
            continue
        if float(value) in found:
            message = f"{value} stands twice"
            faults.append(Fault(file, f"{WHERE}.{RATINGS}[{k}]", message, "leave one out"))
        found.append(float(value))
    if not listed:
        mend = "give values, or leave the key out"
        faults.append(Fault(file, f"{WHERE}.{RATINGS}", "the list is empty", mend))
    return found


def _together(
    system: StudySystem, found: list[dict[str, Any]], file: str, faults: list[Fault]
) -> list[dict[str, Any]]:
    """Return combinations that their record takes as a whole."""
    form = system.options_form()
    sound = []
    for options in found:
        data = as_fields(system, options)
        try:
            form.model_validate(data)
        except ValidationError as error:
            faults.extend(
                Fault(file, WHERE, f"{told(options)}: {p.message}", p.mend)
                for p in problems(error, form, data)
            )
            continue
        sound.append(options)
    return sound
