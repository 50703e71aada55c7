"""Adapters of trainers: one small module each, over one core.

    from vade.adapters import trl      # or verl, slime, openrlhf, ...

No module here imports its trainer before it is used. `Deal` and `Steps` are
what they share, and what a trainer of one's own needs; the pages in
`client/python/docs` say, trainer by trainer, which lines to add.
"""

from vade.adapters._core import Deal, Steps
from vade.adapters._queue import DealQueue

__all__ = ["Deal", "DealQueue", "Steps"]
