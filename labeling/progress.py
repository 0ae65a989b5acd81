"""How long work says how far it is."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Tell = Callable[[str, int, int], None]
"""Told in words what is done now, how much of it, and of how much (0: not known). It may raise to end the work."""
Passing = Callable[[Iterable[Any]], Iterator[Any]]
EVERY = 2000


def silent(message: str, done: int, total: int) -> None:
    """Tell nobody."""


def told(tell: Tell, message: str, total: int) -> Passing:
    """Make a sieve that lets everything through and tells, now and then, how much it was."""

    def passing(things: Iterable[Any]) -> Iterator[Any]:
        for n, thing in enumerate(things):
            if n % EVERY == 0:
                tell(message, n, total)
            yield thing

    return passing
