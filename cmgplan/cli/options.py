"""Options of a command as the record that its system takes, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from cmgplan.errors import InputError

if TYPE_CHECKING:
    from pydantic import ValidationError

    from cmgplan.devices.base import Record

RecordT = TypeVar("RecordT", bound="Record")

FLAGS = {"methods": "method", "structures": "structure"}
"""Flags of fields that may be given several times."""


def given_options(
    form: type[RecordT], base: Mapping[str, Any] | None = None, **given: Any
) -> RecordT:
    """Return the options that were given, the others as in ``base`` or by default.

    Raises
    ------
    InputError
        An option cannot be; each is named with what it may be.
    """
    from pydantic import ValidationError

    changed = {key: value for key, value in given.items() if value is not None}
    try:
        return form.model_validate({**(base or {}), **changed})
    except ValidationError as error:
        raise InputError("; ".join(_refused(error, form))) from error


def _refused(error: ValidationError, form: type[Record]) -> Iterator[str]:
    """Yield a sentence for each value that is refused."""
    details = error.errors(include_url=False)
    fields = form.model_json_schema()["properties"]
    for detail in details:
        place = detail["loc"]
        if not place:  # of options that do not go together
            yield detail["msg"]
            continue
        if any(place == other["loc"][: len(place)] for other in details if other is not detail):
            continue  # of a list: what is wrong with its entries is told
        field = str(place[0])
        flag = FLAGS.get(field, field.removesuffix("_s").replace("_", "-"))
        value = detail["input"]
        told = f"{value:g}" if isinstance(value, float) else str(value)
        wanted = _wanted(fields[field]) or detail["msg"]
        if detail["type"] == "finite_number":
            wanted = wanted.replace("a number", "a finite number")
        yield f"--{flag} {told}: {wanted}"


def _wanted(schema: Mapping[str, Any]) -> str:
    """Return what a field may be, from its JSON Schema; nothing where that has no words for it."""
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            return _wanted(one)
    if "items" in schema:
        return _wanted(schema["items"])
    if "enum" in schema:
        *most, last = map(str, schema["enum"])
        return f"give {', '.join(most)} or {last}" if most else f"give {last}"
    if schema.get("type") in ("number", "integer"):
        return f"give a {'whole ' if schema['type'] == 'integer' else ''}number{_range(schema)}"
    return ""


def _range(schema: Mapping[str, Any]) -> str:
    """Return the range of a number in words."""
    bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    least, most, above, below = (schema.get(name) for name in bounds)
    if least is not None and most is not None:
        return f" from {least:,} to {most:,}"
    if above is not None and below is not None:
        return f" above {above:g} and below {below:g}"
    if least is not None:
        return f", {least:g} or more"
    return f" above {above:g}" if above is not None else ""
