"""What a client does while no server answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Union

from vade.errors import refuse
from vade.options import seconds

__all__ = ["Local", "Outage", "OutageEvent", "OutageStats", "Raise", "Wait"]


@dataclass(frozen=True)
class OutageEvent:
    """One edge of an outage.

    Attributes:
        began: True when it began, False when it ended.
        address: The server's.
        text: For people: what happened and what follows from it.
        lasted: Seconds of the outage; 0 when it began.
    """

    began: bool
    address: str
    text: str
    lasted: float


#: Called at both edges, in the thread whose call saw it; must not block.
OnChange = Callable[[OutageEvent], object]


@dataclass(frozen=True)
class Raise:
    """Raise Unavailable once a call's timeout is over."""


@dataclass(frozen=True)
class Wait:
    """Go on repeating what is safe to repeat.

    Attributes:
        at_most: Seconds of one call until Unavailable is raised after all.
        on_change: Called at both edges of an outage.
    """

    at_most: float = 3600.0
    on_change: OnChange | None = None

    def __post_init__(self) -> None:
        if seconds("at_most", self.at_most) <= 0:
            raise refuse("at_most", self.at_most, "give more than 0 seconds")


@dataclass(frozen=True)
class Local:
    """Sample uniformly on this side, and keep reports on disk until a server
    takes them.

    Only `next_batch` and reports go on without a server; all other calls
    raise as ever.

    Attributes:
        prompts: What may be dealt, as `Run.import_prompts` takes it, for all
            runs of the client. None: the ids that this client has imported,
            listed or been dealt.
        group_size: Of local batches. None: the run's, as last seen.
        journal: Folder of the reports that wait. Processes may share it.
        patience: Seconds that a call tries before it goes on without; and
            how long after that the next one tries again.
        seed: Of local batches. Ranks with the same prompts, seed and
            request_id get the same local batch.
        max_journal_bytes: Of this client's file.
        on_change: Called at both edges of an outage.
    """

    prompts: Iterable[Any] | None = None
    group_size: int | None = None
    journal: str | os.PathLike[str] = "vade-outage"
    patience: float = 5.0
    seed: int = 0
    max_journal_bytes: int = 1 << 30
    on_change: OnChange | None = field(default=None)

    def __post_init__(self) -> None:
        if seconds("patience", self.patience) <= 0:
            raise refuse("patience", self.patience, "give more than 0 seconds")
        if self.prompts is not None:
            # Kept, since it may be read only once, and has to be pickled.
            object.__setattr__(self, "prompts", tuple(self.prompts))


Outage = Union[Raise, Wait, Local]


@dataclass(frozen=True)
class OutageStats:
    """What a client has seen of outages, in this process.

    Attributes:
        down: The last call that asked found no server.
        since: When that outage began.
        outage_count: Outages, one that lasts among them.
        outage_seconds: Together, the one that lasts included.
        local_batch_count: Batches sampled on this side.
        local_rollout_count: Rollouts of such batches that were reported:
            they went nowhere.
        journaled_rollout_count: Rollouts written to the journal.
        replayed_rollout_count: Rollouts of it that a server took, those of
            other processes' journals among them.
        refused_rollout_count: Rollouts of it that a server refused; they are
            in the file "refused" of the journal's folder.
    """

    down: bool = False
    since: datetime | None = None
    outage_count: int = 0
    outage_seconds: float = 0.0
    local_batch_count: int = 0
    local_rollout_count: int = 0
    journaled_rollout_count: int = 0
    replayed_rollout_count: int = 0
    refused_rollout_count: int = 0


def outage_of(value: object) -> Outage:
    """What `on_outage` stands for."""
    if isinstance(value, (Raise, Wait, Local)):
        return value
    words: dict[object, type[Raise] | type[Wait] | type[Local]] = {
        "raise": Raise,
        "wait": Wait,
        "local": Local,
    }
    if isinstance(value, str) and value in words:
        return words[value]()
    raise refuse(
        "on_outage",
        value,
        "give 'raise', 'wait' or 'local', or a vade.Wait or vade.Local",
    )
