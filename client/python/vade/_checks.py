"""Checks of single arguments, shared by all requests. Pure functions.

Each refuses with InvalidArgument naming the argument, its value and the fix.
What the server checks with a message as clear as ours is left to it; here
stands what would otherwise fail without naming the argument, or do something
else than was meant.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.duration_pb2 import Duration as DurationMessage

from vade._proto.vade.sampler.v1 import prompt_pb2
from vade.errors import refuse
from vade.options import Duration, seconds

#: What a filter of labels may be given as.
LabelFilter = Mapping[str, "str | Iterable[str]"]


def check_id(argument: str, value: object) -> str:
    """A name that is not empty."""
    if not isinstance(value, str):
        raise refuse(argument, value, "give a str")
    if not value:
        raise refuse(argument, value, "give a name that is not empty")
    return value


def run_id(value: object) -> str:
    """'gsm8k' of 'gsm8k' and of 'runs/gsm8k'."""
    return check_id("run_id", value).removeprefix("runs/")


def id_of(argument: str, value: object) -> str:
    """The id of a batch or a prompt, or of a record of one."""
    if isinstance(value, str):
        return check_id(argument, value)
    found = getattr(value, "id", None)
    if not isinstance(found, str):
        raise refuse(argument, value, "give its id, or the object with it")
    return check_id(argument, found)


def integer(argument: str, value: object, least: int, most: int) -> int:
    """A whole number in [least, most]; what numpy calls one, too."""
    try:
        if isinstance(value, bool):
            raise TypeError
        number = value.__index__()  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        raise refuse(argument, value, "give a whole number") from None
    if not least <= number <= most:
        raise refuse(argument, value, f"give {least} to {most}")
    return int(number)


def number(argument: str, value: object) -> float:
    """A finite number."""
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise refuse(argument, value, "give a number") from None
    if not math.isfinite(result):
        raise refuse(argument, value, "give a finite number")
    return result


def duration(
    argument: str, value: Duration, *, least: float = 0.0
) -> DurationMessage:
    """A time as the protocol has it."""
    nanos = round(seconds(argument, value, least=least) * 1e9)
    return DurationMessage(seconds=nanos // 10**9, nanos=nanos % 10**9)


def choice(argument: str, value: object, choices: Iterable[str]) -> str:
    """One of the words."""
    known = list(choices)
    if value not in known:
        raise refuse(argument, value, f"give one of {', '.join(known)}")
    return str(value)


def label_filter(labels: LabelFilter | None) -> prompt_pb2.LabelFilter | None:
    """Prompts that match have, for every key, one of its values."""
    if labels is None:
        return None
    if not isinstance(labels, Mapping):
        raise refuse("labels", labels, "give {key: value or list of values}")
    message = prompt_pb2.LabelFilter()
    for key, values in labels.items():
        if not isinstance(key, str):
            raise refuse("labels", key, "give keys of type str")
        several = [values] if isinstance(values, str) else list(values)
        if not several or not all(isinstance(v, str) for v in several):
            raise refuse(
                f"labels[{key!r}]", values, "give one str, or a list of them"
            )
        message.terms.add(key=key, values=several)
    return message


def payload_bytes(argument: str, value: Any) -> bytes:
    """Bytes as they are, text as UTF-8, anything else as JSON."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise refuse(
            argument,
            value,
            f"give bytes, a str, or what JSON can hold ({error})",
        ) from None
    return text.encode()


def shard(value: Any) -> tuple[int, int]:
    """(index, count) with 0 <= index < count."""
    try:
        index, count = value
    except (TypeError, ValueError):
        raise refuse("shard", value, "give (index, count)") from None
    whole = integer("shard count", count, 1, 65536)
    return integer("shard index", index, 0, whole - 1), whole
