"""Values of MATLAB expressions: arithmetic, matrices, indexes and a few functions.

Names are looked up among the variables that the file itself has set; nothing is called.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, nan, pi

import numpy as np

from cmgplan.network.files import matlab_values as arithmetic
from cmgplan.network.files.matlab_text import (
    MAX_ELEMENTS,
    SHOWN,
    Fault,
    Token,
    Words,
    number_of,
    too_many,
)
from cmgplan.network.files.matlab_values import Matrix, Value, ValueFault
from cmgplan.network.files.matpower_columns import DEFINED
from cmgplan.plurals import counted

_BINARY = (
    {"||": 1, "&&": 2, "|": 3, "&": 4, ":": 6, "+": 7, "-": 7}
    | dict.fromkeys(("==", "~=", "!=", "<", ">", "<=", ">="), 5)
    | dict.fromkeys(("*", "/", "\\", ".*", "./", ".\\"), 8)
)
"""Signs between two values by how closely they bind."""

_RANGE, _UNARY = 6, 9
_POWERS, _TRANSPOSES = ("^", ".^"), ("'", ".'")
_CONSTANTS: dict[str, Value] = {
    **dict.fromkeys(("Inf", "inf"), inf),
    **dict.fromkeys(("NaN", "nan"), nan),
    "pi": pi,
    "eps": 2.0**-52,
    "true": True,
    "false": False,
    **DEFINED,
}
"""What a name stands for that the file does not set: MATPOWER's columns among them."""


@dataclass(frozen=True)
class Unknown:
    """A variable whose value could not be told; ``why`` says what hindered it."""

    line: int
    why: str


@dataclass
class Evaluator:
    """Evaluates the expressions of a text, with the variables that it has set.

    Attributes
    ----------
    variables
        By name; a field of a struct by its path, ``mpc.bus``.
    literal
        The matrix that was written out last and the line of each of its rows.
    """

    words: Words
    variables: dict[str, Value | Unknown] = field(default_factory=dict)
    literal: tuple[Matrix | None, list[int]] = (None, [])
    _ends: list[float] = field(default_factory=list)

    def begin(self) -> None:
        """Forget what a statement that could not be read has left."""
        self._ends.clear()
        self.literal = (None, [])

    def expression(self, least: int = 1) -> Value:
        """Return the value of the expression that comes next.

        Raises
        ------
        Fault
            It has no value here; its line is named.
        """
        value = self._unary()
        while True:
            token = self.words.peek()
            rank = _BINARY.get(token.value, 0) if token.kind == "sign" else 0
            if rank < max(least, 1) or self._separates(token):
                return value
            self.words.take()
            right = self.expression(rank + 1)
            if token.value != ":":
                value = self._at(token, arithmetic.combined, token.value, value, right)
            elif self.words.is_next(":"):
                self.words.take()
                last = self.expression(_RANGE + 1)
                value = self._at(token, arithmetic.ranged, value, right, last)
            else:
                value = self._at(token, arithmetic.ranged, value, 1.0, right)

    def places(self, key: str) -> list[Matrix | None]:
        """Take the index of a variable in brackets; None stands for all of a dimension."""
        opening = self.words.take()
        known = self.variables.get(key, 0.0)
        shape = () if isinstance(known, Unknown | str) else arithmetic.matrix(known).shape
        return self._index(opening, shape)

    def _at(self, token: Token, function: object, *values: object) -> Value:
        """Return what arithmetic gives; a fault names the line of a word."""
        try:
            return function(*values)  # type: ignore[operator, no-any-return]
        except ValueFault as fault:
            raise Fault(token.line, str(fault)) from fault

    def _separates(self, token: Token) -> bool:
        """Return whether a sign begins a new element of a row: ``[1 -2]`` has two."""
        if token.value not in ("+", "-") or token.inside not in ("[", "{") or not token.spaced:
            return False
        return self.words.text[token.stop] not in " \t\f\v\xa0"

    def _unary(self) -> Value:
        signs = []
        while self.words.is_next("+", "-", "~", "!"):
            signs.append(self.words.take())
        value = self._power()
        for sign in reversed(signs):
            if sign.value != "+":
                change = arithmetic.negated if sign.value == "-" else arithmetic.inverted
                value = self._at(sign, change, value)
        return value

    def _power(self) -> Value:
        value = self._postfix()
        while self.words.is_next(*_POWERS):
            sign = self.words.take()
            minus = []
            while self.words.is_next("+", "-"):
                minus.append(self.words.take())
            exponent = self._postfix()
            for token in minus:
                if token.value == "-":
                    exponent = self._at(token, arithmetic.negated, exponent)
            value = self._at(sign, arithmetic.combined, sign.value, value, exponent)
        return value

    def _postfix(self) -> Value:
        value = self._primary()
        while self.words.is_next(*_TRANSPOSES):
            token = self.words.take()
            value = self._at(token, lambda x: arithmetic.simplest(arithmetic.matrix(x).T), value)
        return value

    def _primary(self) -> Value:
        token = self.words.take()
        if token.kind == "number":
            return number_of(token)
        if token.kind == "text":
            return token.value
        if token.kind == "name":
            return self._named(token)
        if token.value == "(":
            value = self.expression()
            self._closed(token, ")")
            return value
        if token.value == "[":
            return self._matrix(token)
        shown = repr(token.value) if token.kind == "sign" else "the end of the line"
        what = f"{shown} stands where a value is needed"
        if token.value == "{":
            what = "a list in braces has no value here"
        raise Fault(token.line, what)

    def _closed(self, opening: Token, sign: str) -> None:
        token = self.words.take()
        if token.kind != "sign" or token.value != sign:
            shown = token.value.strip() or "the end of the line"
            raise Fault(
                token.line,
                f"`{shown}` stands where `{sign}` or a sign of arithmetic is needed, after "
                f"`{opening.value}` of line {opening.line}",
            )

    def _named(self, token: Token) -> Value:
        key = token.value
        while self.words.is_next(".") and not self._new_element():
            self.words.take()
            part = self.words.take()
            if part.kind != "name":
                raise Fault(part.line, f"`{key}.` is not followed by a name")
            key += f".{part.value}"
        known = self.variables.get(key)
        if isinstance(known, Unknown):
            raise Fault(token.line, f"`{key}` has no value: line {known.line}: {known.why}")
        if known is not None:
            return self._element(key, known)
        if key == "end" and self._ends:
            return self._ends[-1]
        if key in _CONSTANTS:
            return _CONSTANTS[key]
        if key in arithmetic.FUNCTIONS and self._opens():
            return self._at(token, arithmetic.of_function, key, self._arguments())
        raise Fault(token.line, f"`{key[:SHOWN]}` is not a number and no name that is known")

    def _new_element(self) -> bool:
        token = self.words.peek()
        return token.spaced and token.inside in ("[", "{")

    def _opens(self) -> bool:
        return self.words.is_next("(") and not self._new_element()

    def _element(self, key: str, known: Value) -> Value:
        if self.words.is_next("{") and not self._new_element():
            raise Fault(self.words.peek().line, f"`{key}` is not a list")
        if not self._opens():
            return known
        opening = self.words.peek()
        places = self.places(key)
        array = arithmetic.matrix(known) if not isinstance(known, str) else None
        if array is None:
            raise Fault(opening.line, f"`{key}` is a text")
        return self._at(opening, arithmetic.picked, known, filled(places, array.shape))

    def _arguments(self) -> list[Value]:
        opening = self.words.take()
        values: list[Value] = []
        if not self.words.is_next(")"):
            values.append(self.expression())
            while self.words.is_next(","):
                self.words.take()
                values.append(self.expression())
        self._closed(opening, ")")
        return values

    def _index(self, opening: Token, shape: tuple[int, ...]) -> list[Matrix | None]:
        """Return the places that an index names, up to two dimensions."""
        start, places = self.words.place(), list[Matrix | None]()
        count = self._count_dimensions(opening)
        self.words.back_to(start)
        if count not in (1, 2):
            raise Fault(opening.line, f"an index of {count} dimensions; one or two are known")
        for axis in range(count):
            if axis:
                self.words.take()
            length = float(np.prod(shape)) if count == 1 else float(shape[axis]) if shape else 0.0
            self._ends.append(length)
            places.append(self._place())
            self._ends.pop()
        self._closed(opening, ")")
        return places

    def _place(self) -> Matrix | None:
        if self.words.is_next(":"):
            self.words.take()
            return None
        token = self.words.peek()
        value = self.expression()
        try:
            return arithmetic.places_of(value)
        except ValueFault as fault:
            raise Fault(token.line, str(fault)) from fault

    def _count_dimensions(self, opening: Token) -> int:
        count, depth = 1, 1
        while depth:
            token = self.words.take()
            if token.kind == "end":
                raise Fault(opening.line, "a bracket is not closed; close it", certain=True)
            if token.kind == "sign":
                depth += (token.value in "([{") - (token.value in ")]}")
                count += token.value == "," and depth == 1
        return count

    def _matrix(self, opening: Token) -> Matrix:
        """Return the matrix whose bracket has been opened."""
        rows: list[list[Value]] = []
        lines: list[int] = []
        plain, count = True, 0
        while True:
            numbers, where = self.words.rows_of_numbers()
            rows.extend(numbers)  # type: ignore[arg-type]
            lines.extend(where)
            token = self.words.peek()
            if token.kind == "line" or token.value == ";":
                self.words.take()
            elif token.kind == "sign" and token.value == "]":
                self.words.take()
                break
            else:
                row = self._row(opening)
                plain &= all(type(value) is float for value in row)
                count += len(row)
                if count > MAX_ELEMENTS:
                    raise too_many(token.line)
                rows.append(row)
                lines.append(token.line)
        array = self._stacked(rows, lines, plain)
        self.literal = (array, lines if len(lines) == len(array) else [])
        return array

    def _row(self, opening: Token) -> list[Value]:
        values: list[Value] = []
        while True:
            token = self.words.peek()
            if token.kind == "line" or (token.kind == "sign" and token.value in ("]", ";")):
                return values
            if token.kind == "sign" and token.value == ",":
                self.words.take()
                continue
            try:
                values.append(self.expression())
            except Fault:
                if not self.words.is_next("="):
                    raise
            if self.words.is_next("="):
                raise Fault(
                    opening.line,
                    f"a bracket is not closed before line {token.line}; close it",
                    certain=True,
                )

    def _stacked(self, rows: list[list[Value]], lines: list[int], plain: bool) -> Matrix:
        if not rows:
            return np.zeros((0, 0))
        if plain and all(len(row) == len(rows[0]) for row in rows):
            return np.array(rows, dtype=np.float64)
        parts: list[Matrix] = []
        for row, line in zip(rows, lines, strict=True):
            try:
                part = arithmetic.beside(row)
            except ValueFault as fault:
                raise Fault(line, str(fault)) from fault
            if parts and part.shape[1] != parts[0].shape[1] and part.size:
                raise Fault(
                    line,
                    f"{counted(part.shape[1], 'column')} where the first row has "
                    f"{parts[0].shape[1]}; make the rows equally long",
                )
            if part.size:
                parts.append(part)
        return np.vstack(parts) if parts else np.zeros((0, 0))


def filled(places: list[Matrix | None], shape: tuple[int, ...]) -> list[Matrix]:
    """Return places with all of a dimension written out."""
    lengths = (int(np.prod(shape)),) if len(places) == 1 else shape
    return [
        np.arange(length) if place is None else place
        for place, length in zip(places, lengths, strict=True)
    ]
