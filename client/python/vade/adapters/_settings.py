"""Settings of adapters that a trainer makes from a name in its own config."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from vade.client import Client
from vade.errors import refuse
from vade.options import environment_tls
from vade.run import Run

__all__ = ["AdapterSettings", "content_id", "ids_of", "open_run"]


@dataclass(frozen=True)
class AdapterSettings:
    """Where an adapter finds its run.

    Each comes from the trainer's own config where the adapter's page says so,
    else from the environment variable VADE_ and its name in capitals.

    Attributes:
        run: The run's id; made if there is none.
        address: The server's. None: as `vade.Client` has it.
        prefix: What the request ids begin with.
        id_key: The column with the prompts' ids, with dots into mappings.
            None: as the adapter's page says.
        lease_ttl: Seconds. None: the run's.
        seed: Of a run that is made. None: the server chooses.
        policy: Of a run that is made. None: the server's default.
        restart_ok: As `vade.adapters.Steps` has it.
    """

    run: str
    address: str | None = None
    prefix: str = "step"
    id_key: str | None = None
    lease_ttl: float | None = None
    seed: int | None = None
    policy: str | None = None
    restart_ok: bool = False

    @staticmethod
    def of(values: Mapping[str, Any] | None = None) -> AdapterSettings:
        """Settings of a config's mapping, then of the environment.

        Raises:
            InvalidArgument: An unknown name, no run, or a value that is not
                of its kind.
        """
        names = [field.name for field in fields(AdapterSettings)]
        given = dict(values or {})
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise refuse("vade settings", unknown, f"give some of {names}")
        for name in names:
            text = os.environ.get(f"VADE_{name.upper()}")
            if given.get(name) is None and text:
                given[name] = text
        if not given.get("run"):
            raise refuse(
                "run", None, "set VADE_RUN, or run in the adapter's settings"
            )
        for name, kind in (("lease_ttl", float), ("seed", int)):
            if given.get(name) is not None:
                given[name] = _number(name, given[name], kind)
        given["restart_ok"] = _flag("restart_ok", given.get("restart_ok"))
        found = {
            name: given[name] for name in names if given.get(name) is not None
        }
        return AdapterSettings(**found)

    def client(self, **options: Any) -> Client:
        """A client of the server; `options` as `vade.Client` takes them.

        Encrypted as VADE_TLS, VADE_TLS_CA, ... say, wherever the address is
        from.
        """
        options.setdefault("tls", environment_tls())
        return Client(self.address, **options)


def _number(name: str, value: Any, kind: Any) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise refuse(name, value, "give a number") from None


def _flag(name: str, value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    text = str(value).lower()
    if text not in ("0", "1", "false", "true"):
        raise refuse(name, value, "give true or false")
    return text in ("1", "true")


def open_run(
    settings: AdapterSettings,
    group_size: int,
    ids: Iterable[str],
    client: Client | None = None,
) -> Run:
    """The run, made if there is none, with all prompts of the dataset.

    Prompts that are there stay as they are. All ranks may do it at once.

    Raises:
        RunExists: There is one with another group size.
    """
    client = client or settings.client()
    made: Any = dict(
        group_size=group_size, seed=settings.seed, policy=settings.policy
    )
    run = client.create_run(settings.run, exist_ok=True, **made)
    run.import_prompts(ids, existing="skip")
    return run


def content_id(content: object) -> str:
    """An id that follows from a prompt's content: 32 hexadecimal digits.

    The same on every machine, and whatever the order of a mapping's keys.
    """
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def value_at(row: Any, key: str) -> Any:
    """`row["a"]["b"]` for "a.b"; None where there is nothing."""
    for part in key.split("."):
        if not isinstance(row, Mapping) or part not in row:
            return None
        row = row[part]
    return row


def ids_of(rows: Sequence[Any], id_key: str) -> list[str]:
    """The ids of all rows of a dataset, as str.

    Raises:
        InvalidArgument: A row has none, or two rows have the same.
    """
    ids: list[str] = []
    seen: dict[str, int] = {}
    for place in range(len(rows)):
        value = value_at(rows[place], id_key)
        if value is None or value == "":
            raise refuse(
                f"rows[{place}]",
                value,
                f"give every row a column {id_key!r}, or name another one "
                "with id_key (VADE_ID_KEY)",
            )
        first = seen.setdefault(str(value), place)
        if first != place:
            raise refuse(
                f"rows[{place}]",
                str(value),
                f"give each row an {id_key!r} of its own; rows[{first}] has "
                "it too. Name another column with id_key (VADE_ID_KEY)",
            )
        ids.append(str(value))
    return ids
