"""The statements of a MATLAB file in their order: its heading, conditions and assignments.

Conditions are followed where their value is known; loops and calls are refused, printing is
passed over. Nothing is executed.
"""

from __future__ import annotations

from cmgplan.network.files import matlab_values as arithmetic
from cmgplan.network.files.matlab_assignments import Assignments
from cmgplan.network.files.matlab_text import Fault, Token, Words
from cmgplan.network.files.matlab_values import ValueFault

_PRINTING = frozenset(
    ["clc", "close", "disp", "display", "format", "fprintf", "more", "printf", "warning"]
)
_OPENING = frozenset(["if", "for", "parfor", "while", "switch", "try", "unwind_protect", "spmd"])
_CLOSING = frozenset(["end", "endif", "endfor", "endwhile", "endswitch", "end_try_catch"])


class Program:
    """Reads a file's statements into ``set``.

    Attributes
    ----------
    name
        Name of the function, or an empty text.
    """

    def __init__(self, text: str, read: frozenset[str]) -> None:
        self.words = Words(text)
        self.set = Assignments(self.words, read)
        self.name = ""
        self._branches: list[int] = []
        self._ended = False

    def run(self) -> Assignments:
        """Return what the file sets.

        Raises
        ------
        Fault
            A statement that matters cannot be read; its line is named.
        """
        while not self._ended:
            token = self.words.peek()
            if token.kind == "end":
                break
            if token.kind == "line" or self.words.is_next(";", ","):
                self.words.take()
            else:
                self._statement(token)
        if self._branches and not self._ended:
            raise Fault(self._branches[-1], "`if` has no `end`; add it", certain=True)
        return self.set

    def _statement(self, token: Token) -> None:
        """Take over the statement that begins with a word."""
        self.set.evaluator.begin()
        word = token.value if token.kind == "name" else ""
        if word == "function":
            self._heading(self.words.take())
        elif word == "return":
            self._ended = True
        elif word in ("if", "else", "elseif", "endfunction") or word in _CLOSING:
            self._condition(self.words.take())
        elif word in _OPENING:
            raise Fault(
                token.line,
                f"`{word}` is code that is not known here, and code is not executed; write its "
                "result into the matrices",
                certain=True,
            )
        elif word in _PRINTING or (word == "clear" and not self.set.variables):
            self.set.rest()
        elif token.kind == "sign" and token.value == "[":
            self.set.several(token)
        else:
            self.set.assign(token)

    def _heading(self, token: Token) -> None:
        """Take over ``function mpc = name``; another function ends the one that is read."""
        if self.name or self.set.variables:
            self._ended = True
            return
        tokens = []
        while self.words.peek().kind not in ("line", "end") and not self.words.is_next(";", "%"):
            tokens.append(self.words.take())
        at = [k for k, word in enumerate(tokens) if word.kind == "sign" and word.value == "="]
        at = at or [len(tokens)]
        results = tuple(word.value for word in tokens[: at[0]] if word.kind == "name")
        names = [word.value for word in tokens[at[0] + 1 :] if word.kind == "name"]
        if not results or not names:
            raise Fault(
                token.line,
                "the function returns nothing; write `function mpc = name`",
                certain=True,
            )
        self.name, self.set.results = names[0], results
        self.set.struct = results[0] if len(results) == 1 else None

    def _condition(self, token: Token) -> None:
        """Follow ``if``, and what closes it, by the values that are known."""
        if token.value == "if":
            self._branches.append(token.line)
            self._choose(token)
        elif token.value in ("else", "elseif"):
            if not self._branches:
                raise Fault(token.line, f"`{token.value}` has no `if`; remove it", certain=True)
            while token.value != "end":
                token = self._skip_branch(token)
            self._branches.pop()
        elif self._branches:
            self._branches.pop()
        else:
            self._ended = True
            self._only_functions_follow(token)

    def _choose(self, token: Token) -> None:
        """Go on where the first condition holds, or behind the end."""
        while token.value in ("if", "elseif"):
            try:
                holds = arithmetic.is_true(self.set.evaluator.expression())
            except (Fault, ValueFault) as fault:
                why = fault.message if isinstance(fault, Fault) else str(fault)
                raise Fault(
                    token.line,
                    f"the condition of `{token.value}` is not known here: {why.split('; ')[0]}; "
                    "write the result into the matrices",
                    certain=True,
                ) from fault
            if holds:
                return
            token = self._skip_branch(token)
        if token.value == "end":
            self._branches.pop()

    def _skip_branch(self, opening: Token) -> Token:
        """Pass statements over; return the word ``else``, ``elseif`` or ``end`` that ends them."""
        depth, brackets, begins = 0, 0, opening.value == "else"
        while True:
            token = self.words.take()
            if token.kind == "end":
                raise Fault(opening.line, "`if` has no `end`; add it", certain=True)
            if begins and token.kind == "name" and not brackets:
                if token.value in _CLOSING and depth == 0:
                    return token._replace(value="end")
                if token.value in ("else", "elseif") and depth == 0:
                    return token
                depth += (token.value in _OPENING) - (token.value in _CLOSING)
            if token.kind == "sign":
                brackets += (token.value in "([{") - (token.value in ")]}")
            begins = token.kind == "line" or (token.kind == "sign" and token.value in ";,")

    def _only_functions_follow(self, token: Token) -> None:
        """Refuse statements behind the end of the function: they would be left out."""
        while self.words.peek().kind == "line" or self.words.is_next(";", ","):
            self.words.take()
        after = self.words.peek()
        if after.kind != "end" and after.value != "function":
            raise Fault(
                after.line,
                f"a statement stands behind the `end` of line {token.line}; remove that `end`",
                certain=True,
            )
