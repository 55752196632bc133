"""JSON of a run, read strictly: what another reader may take otherwise is refused."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from cmgplan.given import MAX_DEPTH, deeper
from cmgplan.run.tables import GREATEST

SHOWN = 60
"""Characters of a value that a message shows."""


def object_of(text: str) -> dict[str, Any]:
    """Return a JSON object.

    Raises
    ------
    ValueError
        It is no object, a key stands twice in one, a number is not finite or beyond all bounds,
        or it is nested too deeply.
    """
    try:
        content = json.loads(
            text,
            object_pairs_hook=_each_once,
            parse_constant=_not_finite,
            parse_float=_finite,
            parse_int=_bounded,
        )
        if deeper(content, MAX_DEPTH):
            raise RecursionError
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise ValueError("its brackets are nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("it holds half a character, an unpaired surrogate") from None
    if not isinstance(content, dict):
        raise ValueError("not an object")
    return content


def shortened(text: str, length: int = SHOWN) -> str:
    """Return a text cut to a length."""
    return text if len(text) <= length else f"{text[: length - 1]}\N{HORIZONTAL ELLIPSIS}"


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose keys are all different."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [key for key, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shortened(twice)!r} stands twice in one object")
    return found


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not abs(value) <= GREATEST:
        raise ValueError(f"{shortened(digits)} is beyond {GREATEST:g}")
    return value


def _bounded(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError(f"{shortened(digits)} has more digits than any number of a plan")
    return int(digits)
