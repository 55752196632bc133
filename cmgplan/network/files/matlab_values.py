"""Arithmetic of MATLAB's numbers and matrices, as far as case files use it.

A value is a float, a bool, a matrix of either or a text. What has no finite real result is
refused: a division by zero, an overflow, the root of a negative number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from cmgplan.network.files.matlab_text import MAX_ELEMENTS
from cmgplan.plurals import counted

Matrix = npt.NDArray[Any]
Value = float | bool | str | Matrix


class ValueFault(Exception):  # noqa: N818  (its message is told with the line)
    """What arithmetic cannot be done with these values."""


def matrix(value: Value) -> Matrix:
    """Return a value as a matrix of two dimensions."""
    if isinstance(value, str):
        raise ValueFault("a text stands where a number is needed; give the number")
    return np.atleast_2d(np.asarray(value))


def simplest(value: Matrix) -> Value:
    """Return a matrix of one element as a number."""
    array = np.asarray(value)
    if array.size == 1 and array.ndim in (0, 2):
        return bool(array.item()) if array.dtype == bool else float(array.item())
    return array


def scalar(value: Value) -> float:
    """Return the one number of a value."""
    array = matrix(value)
    if array.size != 1:
        rows, columns = array.shape
        raise ValueFault(f"a matrix of {rows} by {columns} stands where one number is needed")
    return float(array.item())


def is_true(value: Value) -> bool:
    """Return whether a condition holds: all elements differ from zero and there are some."""
    array = matrix(value)
    return array.size > 0 and bool(np.all(array != 0))


def _size_checked(shape: tuple[int, ...]) -> None:
    count = 1
    for length in shape:
        count *= length
    if count > MAX_ELEMENTS:
        raise ValueFault(f"a matrix of more than {MAX_ELEMENTS:,} elements; make it smaller")


_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    ".*": np.multiply,
    "./": np.divide,
    ".\\": lambda x, y: np.divide(y, x),
    ".^": np.power,
    "==": np.equal,
    "~=": np.not_equal,
    "!=": np.not_equal,
    "<": np.less,
    ">": np.greater,
    "<=": np.less_equal,
    ">=": np.greater_equal,
    "&": np.logical_and,
    "|": np.logical_or,
}
_OF_SCALARS = {"*": ".*", "/": "./", "\\": ".\\", "^": ".^"}


def combined(sign: str, left: Value, right: Value) -> Value:
    """Return the result of a sign between two values."""
    if isinstance(left, str) or isinstance(right, str):
        raise ValueFault("a text stands where a number is needed; give the number")
    x, y = np.asarray(left), np.asarray(right)
    if sign in ("&&", "||"):
        both = is_true(left), is_true(right)
        return all(both) if sign == "&&" else any(both)
    if sign in _OF_SCALARS:
        may_left = x.size == 1 or sign in ("*", "/")
        may_right = y.size == 1 or sign in ("*", "\\")
        if not (may_left and may_right and 1 in (x.size, y.size)):
            raise ValueFault(
                f"`{sign}` of two matrices is not known here; write .{sign} or numbers"
            )
        sign = _OF_SCALARS[sign]
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError as error:
        raise ValueFault(f"matrices of {_by(x)} and {_by(y)} do not fit together") from error
    _size_checked(shape)
    numbers = sign in ("+", "-", ".*", "./", ".\\", ".^")
    if numbers:
        x, y = x.astype(np.float64), y.astype(np.float64)
    if (sign == "./" and np.any(y == 0)) or (sign == ".\\" and np.any(x == 0)):
        raise ValueFault("a division by zero; write the number that is meant (Inf for no limit)")
    with np.errstate(all="ignore"):
        result = np.asarray(_ELEMENTWISE[sign](x, y))
    if numbers:
        _finite_checked(result, x, y)
    return simplest(result)


def _by(array: Matrix) -> str:
    return " by ".join(str(length) for length in np.atleast_2d(array).shape)


def _finite_checked(result: Matrix, *of: Matrix) -> None:
    """Refuse what overflows or is not real though all that it is made of is finite."""
    if np.isfinite(result).all() or not all(np.isfinite(x).all() for x in of):
        return
    if np.isnan(result).any():
        raise ValueFault("the result is not a real number; write the number that is meant")
    raise ValueFault("the result is larger than a number can be; write the number that is meant")


def negated(value: Value) -> Value:
    """Return a value with its sign turned."""
    return simplest(-np.asarray(matrix(value), dtype=np.float64))


def inverted(value: Value) -> Value:
    """Return the logical contrary of a value."""
    return simplest(np.logical_not(matrix(value)))


def ranged(first: Value, step: Value, last: Value) -> Value:
    """Return the row from a first number in steps up to a last one."""
    a, d, b = scalar(first), scalar(step), scalar(last)
    if not np.isfinite([a, d, b]).all() or d == 0:
        raise ValueFault("a range needs finite numbers and a step other than zero")
    with np.errstate(all="ignore"):
        count = np.floor((b - a) / d * (1 + 1e-12) + 1e-12) + 1
    if not count <= MAX_ELEMENTS:
        raise ValueFault(f"a range of more than {MAX_ELEMENTS:,} numbers; make it smaller")
    return simplest((a + d * np.arange(max(int(count), 0)))[None, :])


def _rounded(x: Matrix) -> Matrix:
    return np.asarray(np.sign(x) * np.floor(np.abs(x) + 0.5))


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    **{name: getattr(np, name) for name in ("sqrt", "sin", "cos", "tan", "exp", "log10", "log")},
    **{name: getattr(np, name) for name in ("abs", "floor", "ceil", "sign", "isinf", "isnan")},
    **{name: getattr(np, name) for name in ("deg2rad", "rad2deg", "isfinite")},
    **{f"a{name}": getattr(np, f"arc{name}") for name in ("sin", "cos", "tan")},
    "fix": np.trunc,
    "round": _rounded,
    "double": np.asarray,
}
_OF_SHAPE = ("find", "isempty", "length", "numel", "ones", "size", "sum", "zeros")
FUNCTIONS = frozenset([*_FUNCTIONS, *_OF_SHAPE])
"""Functions that are known; each gives the value that MATLAB's of this name gives."""


def of_function(name: str, values: list[Value]) -> Value:
    """Return the value of a function that is known."""
    if name in ("zeros", "ones"):
        return _filled(name, [scalar(value) for value in values])
    if not values or len(values) > (2 if name in ("size", "sum") else 1):
        raise ValueFault(f"`{name}` is not known here with {counted(len(values), 'argument')}")
    x = matrix(values[0])
    if name in _FUNCTIONS:
        x = x.astype(np.float64)
        with np.errstate(all="ignore"):
            result = np.asarray(_FUNCTIONS[name](x))
        _finite_checked(result, x)
        return simplest(result)
    axis = int(scalar(values[1])) if len(values) == 2 else None
    if axis not in (None, 1, 2):
        raise ValueFault(f"`{name}` is known here for the dimensions 1 and 2 only")
    if name == "sum":
        down = (axis or (2 if len(x) == 1 else 1)) - 1
        with np.errstate(all="ignore"):
            total = np.asarray(x.astype(np.float64).sum(axis=down, keepdims=True))
        _finite_checked(total, x.astype(np.float64))
        return simplest(total)
    return _of_shape(name, x, axis)


def _of_shape(name: str, x: Matrix, axis: int | None) -> Value:
    if name == "find":
        where = np.flatnonzero(x.ravel(order="F")) + 1.0
        return simplest(where[None, :] if len(x) == 1 else where[:, None])
    if name == "size":
        if axis is None:
            return np.asarray([[float(length) for length in x.shape]])
        return float(x.shape[axis - 1])
    if name == "isempty":
        return x.size == 0
    return float(x.size if name == "numel" else max(x.shape) if x.size else 0)


def _filled(name: str, lengths: list[float]) -> Value:
    """Return a matrix of zeros or ones."""
    lengths = lengths or [1.0]
    if len(lengths) > 2 or not all(0 <= n <= MAX_ELEMENTS and n == int(n) for n in lengths):
        raise ValueFault(f"`{name}` needs one or two whole numbers")
    shape = int(lengths[0]), int(lengths[-1])
    _size_checked(shape)
    return simplest(np.full(shape, float(name == "ones")))


def beside(values: list[Value]) -> Matrix:
    """Return values as one row of a matrix, beside each other."""
    parts = [part for part in map(matrix, values) if part.size]
    if len({len(part) for part in parts}) > 1:
        raise ValueFault("matrices of unequal height stand beside each other")
    _size_checked((sum(part.size for part in parts),))
    return np.hstack(parts).astype(np.float64) if parts else np.zeros((0, 0))


def picked(value: Value, places: list[Matrix]) -> Value:
    """Return the elements of a value at places counted from 0, one list for each dimension."""
    array = matrix(value)
    if len(places) == 1:
        flat = array.ravel(order="F")
        _inside(places[0], flat.size)
        chosen = flat[places[0]]
        return simplest(chosen[None, :] if len(array) == 1 else chosen[:, None])
    _inside(places[0], array.shape[0])
    _inside(places[1], array.shape[1])
    _size_checked((len(places[0]), len(places[1])))
    return simplest(array[np.ix_(places[0], places[1])])


def placed(value: Value, places: list[Matrix], new: Value) -> Matrix:
    """Return a matrix in which elements have new values; it grows, filled up with zeros."""
    array, given = matrix(value).astype(np.float64), matrix(new).astype(np.float64)
    if len(places) == 1:
        _inside(places[0], array.size)
        if given.size not in (1, len(places[0])):
            values = counted(given.size, "value is", "values are")
            raise ValueFault(f"{values} given to {counted(len(places[0]), 'element')}")
        flat = array.ravel(order="F").copy()
        flat[places[0]] = given.ravel(order="F")
        return np.asarray(flat.reshape(array.shape, order="F"))
    rows, columns = places
    if given.size != 1 and given.shape != (len(rows), len(columns)):
        raise ValueFault(
            f"a matrix of {_by(given)} is given to {len(rows)} by {len(columns)} elements"
        )
    last = [int(place.max()) + 1 if len(place) else 0 for place in places]
    most = [max(pair) for pair in zip(array.shape, last, strict=True)]
    _size_checked(tuple(most))
    grown = np.zeros(most)
    grown[: array.shape[0], : array.shape[1]] = array
    grown[np.ix_(rows, columns)] = given.item() if given.size == 1 else given
    return grown


def _inside(places: Matrix, length: int) -> None:
    if len(places) and int(places.max()) >= length:
        raise ValueFault(f"element {int(places.max()) + 1} is asked for where there are {length}")


def places_of(value: Value) -> Matrix:
    """Return the places, counted from 0, that an index names by number or by truth."""
    array = matrix(value)
    if array.dtype == bool:
        return np.flatnonzero(array.ravel(order="F"))
    flat = array.ravel(order="F")
    if not np.all((flat >= 1) & (flat <= MAX_ELEMENTS) & (flat == np.floor(flat))):
        raise ValueFault("an index is not a whole number from 1 on; correct it")
    return np.asarray(flat.astype(np.int64) - 1)
