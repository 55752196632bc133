"""Structures of the market: who leads, who follows, read from ``A|B+C``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from cmgplan.errors import InputError

EVERY_SPLIT = 4
"""Homes up to which every split is run by default."""


@dataclass(frozen=True)
class Structure:
    """A leading and a following group; without followers, a group that acts as one owner."""

    leading: tuple[str, ...]
    following: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Groups joined by ``+``, leaders before the bar."""
        return "|".join(joined(group) for group in (self.leading, self.following) if group)

    @property
    def homes(self) -> tuple[str, ...]:
        """All homes of the structure, leaders first."""
        return self.leading + self.following


def joined(group: Iterable[str]) -> str:
    """Return the name of a group: its ids, sorted, joined by ``+``."""
    return "+".join(sorted(group))


def parse_structure(text: str, homes: Sequence[str]) -> Structure:
    """Return the structure that ``A|B+C`` names.

    Parameters
    ----------
    homes
        Ids of the homes of the case.

    Raises
    ------
    InputError
        A home is unknown, named twice, or on both sides; a side is empty; a split leaves homes
        out.
    """
    told = f"--structure {text}"
    sides = text.split("|")
    if len(sides) > 2:
        raise InputError(f"{told}: it has more than one bar; write leaders|followers, as A|B+C")
    groups = [_group(side, told, homes) for side in sides]
    both = sorted(set(groups[0]) & set(groups[-1])) if len(groups) == 2 else []
    if both:
        raise InputError(f"{told}: {_listed(both)} on both sides; let each home lead or follow")
    if len(groups) == 1:
        return Structure(groups[0])
    missing = sorted(set(homes) - set(groups[0]) - set(groups[1]))
    if missing:
        raise InputError(
            f"{told}: {_listed(missing)} on neither side; add it to the leaders or the followers"
        )
    return Structure(groups[0], groups[1])


def parse_leaders(
    texts: Sequence[str], homes: Sequence[str]
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """Return several groups of leaders that lead at once, and the homes that follow.

    Raises
    ------
    InputError
        There are less than two groups, a home is unknown or named twice, or nobody follows.
    """
    told = " ".join(f"--leaders {text}" for text in texts)
    groups = tuple(_group(text, told, homes) for text in texts)
    if len(groups) < 2:
        raise InputError(f"{told}: name two or more groups; one group leads by --structure")
    named = [home for group in groups for home in group]
    twice = sorted({home for home in named if named.count(home) > 1})
    if twice:
        raise InputError(f"{told}: {_listed(twice)} in two groups; let each home lead once")
    following = tuple(home for home in sorted(homes) if home not in named)
    if not following:
        raise InputError(f"{told}: nobody follows, so that there is no price; leave a group out")
    return groups, following


def _group(side: str, told: str, homes: Sequence[str]) -> tuple[str, ...]:
    names = [name.strip() for name in side.split("+")]
    if not all(names):
        raise InputError(f"{told}: a group is empty; name its homes, joined by +")
    for name in names:
        if name not in homes:
            raise InputError(
                f"{told}: {name} is no home of the case; its homes are {', '.join(homes)}"
            )
        if names.count(name) > 1:
            raise InputError(f"{told}: home {name} is named twice; name it once")
    return tuple(sorted(names))


def _listed(names: Sequence[str]) -> str:
    """Return names with their verb."""
    one = len(names) == 1
    return f"home{'' if one else 's'} {', '.join(names)} {'is' if one else 'are'}"


def parse_structures(
    texts: Iterable[str], homes: Sequence[str], *, several: bool = False
) -> tuple[Structure, ...]:
    """Return the structures that are named, each once; those of ``default_structures`` if none.

    Where ``several`` groups are to lead at once and no structure is named, it is all homes
    together alone: what the groups earn is measured against that.
    """
    named = tuple(dict.fromkeys(parse_structure(text, homes) for text in texts))
    if several and not named:
        return (Structure(tuple(sorted(homes))),)
    return named or default_structures(homes)


def default_structures(homes: Sequence[str]) -> tuple[Structure, ...]:
    """Return what is run where nothing is asked for.

    Up to four homes: every home alone, every split into leaders and followers, all together.
    From five on: each home leading the rest, and all together.
    """
    ids = tuple(sorted(homes))
    return tuple(dict.fromkeys((*_splits(ids), Structure(ids))))


def _splits(ids: tuple[str, ...]) -> Iterator[Structure]:
    few = len(ids) <= EVERY_SPLIT
    if few:
        yield from (Structure((home,)) for home in ids)
    for size in range(1, len(ids) if few else 2):
        for leading in combinations(ids, size):
            yield Structure(leading, tuple(home for home in ids if home not in leading))
