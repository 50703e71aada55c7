"""The client for asyncio: the methods of `vade.Client` and `vade.Run` as
coroutines and asynchronous iterators. Records, errors and options are those
of `vade`."""

from vade.aio.client import Client
from vade.aio.reporter import Reporter
from vade.aio.run import Run

__all__ = ["Client", "Reporter", "Run"]
