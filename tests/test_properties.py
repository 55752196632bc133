"""Properties of readers, fronts and runs, tried on drawn examples that are always the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from properties import PROPERTIES, Property


def tried(prop: Property, examples: int) -> Callable[[], None]:
    """Return a function that tries a property on so many examples."""
    chosen = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    def holds(drawn: tuple[Any, ...]) -> None:
        prop.holds(*drawn)

    wrapped: Callable[[], None] = chosen(given(st.tuples(*prop.drawn))(holds))
    return wrapped


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_property(prop: Property) -> None:
    tried(prop, prop.examples)()
