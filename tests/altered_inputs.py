"""Edits of texts and of JSON-like documents, drawn by hypothesis."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

NASTY = (
    "",
    " ",
    "nan",
    "-inf",
    "1e308",
    "-1e-320",
    "1e999",
    "0x1F",
    "1d3",
    "'",
    '"',
    "[",
    "];",
    "...",
    "%{",
    "#",
    ",",
    ";",
    "\n",
    "\r",
    "\0",
    "\ufeff",
    "\u202e",
    "\U0001f50c",
    "=1+1",
    "<script>",
    "../../etc/passwd",
    "/dev/zero",
    "__import__",
    "os.system",
    "9" * 400,
    "(" * 200,
    "[" * 3000,
)

KEYS = ("_module", "_class", "_object", "dtype", "id", "bus", "p_kw", "p_mw", "", "x" * 300)


def text_edits() -> st.SearchStrategy[list[tuple[str, float, float, str]]]:
    """Draw edits of a text: what is done, where, how far, and with what."""
    kinds = ("insert", "replace", "delete", "swap lines", "repeat", "cut", "number")
    return st.lists(
        st.tuples(
            st.sampled_from(kinds),
            st.floats(0.0, 1.0, allow_nan=False),
            st.floats(0.0, 1.0, allow_nan=False),
            st.sampled_from(NASTY) | st.text(max_size=4),
        ),
        max_size=4,
    )


def changed_text(text: str, edits: Sequence[tuple[str, float, float, str]]) -> str:
    """Return a text after edits."""
    for kind, place, length, given in edits:
        start = int(place * len(text))
        stop = min(len(text), start + 1 + int(12 * length))
        if kind == "insert":
            text = text[:start] + given + text[start:]
        elif kind == "replace":
            text = text[:start] + given + text[stop:]
        elif kind == "delete":
            text = text[:start] + text[stop:]
        elif kind == "cut":
            text = text[:start]
        elif kind == "number":
            text = _other_number(text, start, given)
        else:
            text = _other_lines(text, kind, place, length)
    return text


def _other_number(text: str, start: int, given: str) -> str:
    """Return a text whose first number after a place is another one."""
    digits = [k for k in range(start, len(text)) if text[k].isdigit()]
    if not digits:
        return text
    stop = digits[0]
    while stop < len(text) and text[stop] in "0123456789.e":
        stop += 1
    return text[: digits[0]] + given + text[stop:]


def _other_lines(text: str, kind: str, place: float, length: float) -> str:
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    a, b = (min(len(lines) - 1, int(part * len(lines))) for part in (place, length))
    if kind == "swap lines":
        lines[a], lines[b] = lines[b], lines[a]
    else:
        lines.insert(b, lines[a])
    return "".join(lines)


def values() -> st.SearchStrategy[Any]:
    """Draw anything that a document may hold."""
    plain = (
        st.none()
        | st.booleans()
        | st.integers(-(10**20), 10**20)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.sampled_from(NASTY)
        | st.text(max_size=8)
    )
    return st.recursive(
        plain,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=5,
    )


def document_edits() -> st.SearchStrategy[list[tuple[str, list[float], Any]]]:
    """Draw edits of a document: what is done, by which way down, and with what."""
    return st.lists(
        st.tuples(
            st.sampled_from(("replace", "delete", "add", "repeat")),
            st.lists(st.floats(0.0, 0.999), min_size=1, max_size=7),
            values(),
        ),
        max_size=3,
    )


def edited(document: Any, edits: Sequence[tuple[str, list[float], Any]]) -> Any:
    """Return a document after edits; the one given stays as it is."""
    document = copy.deepcopy(document)
    for kind, way, value in edits:
        parent, key = _place(document, way)
        if parent is None:
            continue
        if kind == "replace":
            parent[key] = value
        elif kind == "delete":
            del parent[key]
        elif isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]) if kind == "repeat" else value)
        else:
            parent[KEYS[int(way[-1] * len(KEYS))]] = value
    return document


def _place(document: Any, way: Sequence[float]) -> tuple[Any, Any]:
    """Return a container and a key in it: the way down, as far as it leads."""
    parent, key, at = None, None, document
    for part in way:
        if not isinstance(at, dict | list) or not at:
            break
        keys = list(at) if isinstance(at, dict) else range(len(at))
        parent, key = at, keys[int(part * len(keys))]
        at = parent[key]
    return parent, key
