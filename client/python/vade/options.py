"""How a client connects, waits and repeats: plain, picklable values."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Union

from vade.errors import refuse

__all__ = ["DEFAULT_ADDRESS", "Duration", "Retry", "Tls"]

#: Where a server listens unless told otherwise.
DEFAULT_ADDRESS = "127.0.0.1:7447"

#: Seconds, or a timedelta.
Duration = Union[float, timedelta]

_YEAR = 365 * 24 * 3600.0


@dataclass(frozen=True)
class Tls:
    """Encryption, with files in PEM form.

    The files are read when a client connects, which is at its first call and
    at the first after `close`. A pickled client takes their names along, so
    they must be there where it is used; absolute ones mean the same everywhere.

    Attributes:
        ca_file: Who signs the server's certificate. None: the system's
            authorities.
        certificate_file: Who we are, for servers that ask.
        key_file: The key of certificate_file; both or neither.
        server_name: The name to expect in the server's certificate, if it is
            not that of the address.
    """

    ca_file: str | os.PathLike[str] | None = None
    certificate_file: str | os.PathLike[str] | None = None
    key_file: str | os.PathLike[str] | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate_file is None) != (self.key_file is None):
            raise refuse(
                "tls",
                self,
                "give certificate_file and key_file together, or neither",
            )


@dataclass(frozen=True)
class Retry:
    """When a call that may be repeated is repeated.

    The n-th pause is uniform in [0, min(max_backoff, initial_backoff *
    multiplier ** (n - 1))]: full jitter, so that workers cut off together do
    not come back together.

    Attributes:
        max_attempts: At least 1; 0: as many as the call's deadline allows.
        initial_backoff: Seconds.
        max_backoff: Seconds.
        multiplier: At least 1.
        jitter_seed: Replays the pauses in a test. None: random.
    """

    max_attempts: int = 0
    initial_backoff: float = 0.05
    max_backoff: float = 5.0
    multiplier: float = 2.0
    jitter_seed: int | None = None

    def __post_init__(self) -> None:
        if self.max_attempts < 0:
            raise refuse(
                "retry.max_attempts", self.max_attempts, "give 0 or more"
            )
        for name in ("initial_backoff", "max_backoff"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise refuse(f"retry.{name}", value, "give seconds, 0 or more")
        if not 1 <= self.multiplier < math.inf:
            raise refuse("retry.multiplier", self.multiplier, "give 1 or more")


def seconds(argument: str, value: Duration, *, least: float = 0.0) -> float:
    """`value` in seconds; refuses what is no time of at least `least`."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise refuse(argument, value, "give seconds, or a timedelta")
    # NaN fails both comparisons.
    if not least <= value <= 10 * _YEAR:
        raise refuse(argument, value, f"give seconds, {least:g} or more")
    return float(value)


def timeout_seconds(value: Duration | None, default: float) -> float:
    """The timeout of a call; refuses what is not positive."""
    if value is None:
        return default
    result = seconds("timeout", value)
    if result <= 0:
        raise refuse("timeout", value, "give more than 0 seconds")
    return result


def default_address() -> str:
    """VADE_ADDRESS, or else where a server listens unless told otherwise."""
    return os.environ.get("VADE_ADDRESS") or DEFAULT_ADDRESS


def environment_tls() -> Tls | None:
    """What VADE_TLS, VADE_TLS_CA, _CERT, _KEY and _SERVER_NAME say.

    Returns:
        None: VADE_TLS is 0, or neither it nor one of the files is set.
    """
    flag = os.environ.get("VADE_TLS", "").lower()
    if flag not in ("", "0", "1", "false", "true"):
        raise refuse("VADE_TLS", flag, "set it to 1 or 0, or leave it out")
    names = ("CA", "CERT", "KEY", "SERVER_NAME")
    ca, certificate, key, server_name = (
        os.environ.get(f"VADE_TLS_{name}") or None for name in names
    )
    if (certificate is None) != (key is None):
        raise refuse(
            "VADE_TLS_CERT",
            certificate,
            "set it and VADE_TLS_KEY, or neither of them",
        )
    named = ca is not None or certificate is not None
    if flag in ("0", "false") or not (flag or named):
        return None
    return Tls(ca, certificate, key, server_name)
