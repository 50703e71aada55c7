"""PyTorch: samplers, datasets and a loader over a run.

    sampler = vade.torch.BatchSampler(run, 128, ids=ids)
    data = vade.torch.PromptDataset(rows)
    loader = vade.torch.DataLoader(data, batch_sampler=sampler, num_workers=4)
    for rows in loader:
        rewards = roll_out(rows)                     # [prompts, group_size]
        vade.torch.report(run, rows, rewards)
        save({"loader": loader.state_dict(), ...})

Every row carries the columns `vade_prompt`, `vade_batch`, `vade_step` and
`vade_group_size`, so that no prefetch, worker or resume can give a reward to
the wrong prompt. Import it as a module: `import vade.torch`.
"""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        "vade.torch needs PyTorch; install it (pip install torch)"
    ) from error

from vade.torch._datasets import PromptDataset, PromptStream, report
from vade.torch._loader import DataLoader
from vade.torch._sampler import BatchSampler, shard

__all__ = [
    "BatchSampler",
    "DataLoader",
    "PromptDataset",
    "PromptStream",
    "report",
    "shard",
]
