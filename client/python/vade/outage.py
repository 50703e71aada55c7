"""What a client does while no server answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from vade._retry import Attempts
from vade.errors import Error, refuse
from vade.options import seconds

__all__ = ["Outage", "OutageWatch", "Raise", "Wait"]


@dataclass(frozen=True)
class Raise:
    """Raise Unavailable once a call's timeout is over."""


@dataclass(frozen=True)
class Wait:
    """Go on trying.

    Attributes:
        at_most: Seconds until Unavailable is raised after all.
    """

    at_most: float = 3600.0

    def __post_init__(self) -> None:
        seconds("at_most", self.at_most)


Outage = Union[Raise, Wait]


def outage_of(value: object) -> Outage:
    """What `on_outage` stands for."""
    words: dict[object, Outage] = {"raise": Raise(), "wait": Wait()}
    if isinstance(value, (Raise, Wait)):
        return value
    if isinstance(value, str) and value in words:
        return words[value]
    raise refuse("on_outage", value, "give 'raise' or 'wait', or a vade.Wait")


class OutageWatch:
    """Sees the attempts of all calls of one client. Thread-safe."""

    def __init__(self, outage: Outage, address: str) -> None:
        self._outage = outage
        self._address = address

    def answered(self) -> None:
        """A server answered."""

    def pause_after(self, attempts: Attempts, error: Error) -> float:
        """Seconds until the next attempt; raises if there is to be none."""
        return attempts.pause_after(error)
