"""The slime adapter, against stand-ins of slime's hooks.

The stand-ins follow slime 0.3: RolloutDataSourceWithBuffer (a dataset of
Samples, a buffer of groups given back, save and load by rollout id) and the
hook that is called with all samples of a rollout, dropped ones too.
"""

from __future__ import annotations

import enum
import itertools
import sys
import types
from dataclasses import dataclass, field
from typing import Any

import pytest

import vade
from vade.adapters import slime as adapter

N = 4
_numbers = itertools.count(1)


class Status(enum.Enum):
    PENDING = "pending"
    COMPLETED = "completed"
    ABORTED = "aborted"
    FAILED = "failed"


@dataclass
class Sample:
    """slime.utils.types.Sample, as far as it is used."""

    prompt: str
    label: str
    metadata: dict[str, Any] = field(default_factory=dict)
    group_index: int | None = None
    index: int | None = None
    reward: Any = None
    status: Status = Status.PENDING


class StandInSource:
    """slime.rollout.data_source.RolloutDataSourceWithBuffer."""

    def __init__(self, args):
        self.args = args
        self.sample_group_index = self.sample_index = 0
        self.buffer = []
        self.saved = []
        self.dataset = None
        if args.prompt_data is not None:
            self.dataset = types.SimpleNamespace(samples=args.prompt_data)

    def _get_samples_from_buffer(self, count):
        groups, self.buffer = self.buffer[:count], self.buffer[count:]
        return groups

    def add_samples(self, groups):
        self.buffer += groups

    def save(self, rollout_id):
        self.saved.append(rollout_id)

    def load(self, rollout_id=None):
        self.sample_index = 4 * N


@pytest.fixture(autouse=True)
def slime(monkeypatch):
    for name in ("slime", "slime.rollout", "slime.rollout.data_source"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    module = sys.modules["slime.rollout.data_source"]
    module.RolloutDataSourceWithBuffer = StandInSource
    vars(adapter).pop("DataSource", None)
    yield
    vars(adapter).pop("DataSource", None)


@pytest.fixture
def args(server, tmp_path):
    run = f"slime-{next(_numbers)}"
    return types.SimpleNamespace(
        prompt_data=[
            Sample(f"? {i}", str(i), {"row": f"r{i}"}) for i in range(30)
        ],
        n_samples_per_prompt=N,
        rollout_batch_size=4,
        save=str(tmp_path),
        load=str(tmp_path),
        reward_key=None,
        vade={
            "run": run,
            "address": server.address,
            "id_key": "row",
            "seed": 2,
        },
    )


@pytest.fixture
def run(client, args):
    return client.run(args.vade["run"])


def roll_out(groups, status=Status.COMPLETED):
    for group in groups:
        for place, sample in enumerate(group):
            sample.status = status
            sample.reward = float(place == int(sample.label) % N)


def prompts(groups):
    return [group[0].metadata["row"] for group in groups]


def test_groups_are_the_deals_of_the_run(args, run):
    source = adapter.DataSource(args)
    assert isinstance(source, StandInSource)
    groups = source.get_samples(6)
    batches = [run.next_batch(4, request_id=f"step-{n}") for n in range(2)]
    dealt = [prompt.id for batch in batches for prompt in batch]
    assert prompts(groups) == dealt[:6]
    samples = [sample for group in groups for sample in group]
    assert [sample.index for sample in samples] == list(range(6 * N))
    assert [len(group) for group in groups] == [N] * 6
    assert {s.group_index for s in groups[2]} == {2}
    for group in groups:
        assert group[0].prompt == f"? {group[0].label}"
        assert group[0].metadata is not group[1].metadata
    assert args.prompt_data[0].metadata == {"row": "r0"}


def test_all_samples_are_reported_once(args, run):
    source = adapter.DataSource(args)
    groups = source.get_samples(4)
    roll_out(groups)
    groups[1][2].status = Status.FAILED
    groups[2][3].reward = None
    # slime gives the kept and the dropped ones, in groups or flat.
    adapter.report_samples(args, groups[:3], source)
    result = adapter.report_samples(args, groups[3], source)
    assert result.completed_group_count == 1
    adapter.report_samples(args, groups, source)
    infos = run.batch(run.next_batch(4, request_id="step-0")).groups
    assert [info.state for info in infos] == ["completed"] * 4
    assert [info.failed_count for info in infos] == [0, 1, 1, 0]
    stats = run.stats()
    assert (stats.rollout_count, stats.failed_rollout_count) == (14, 2)
    assert stats.duplicate_rollout_count == 16
    assert source.deals.open_count == 0


def test_a_reward_may_be_one_of_several(args, run):
    args.reward_key = "right"
    source = adapter.DataSource(args)
    groups = source.get_samples(1)
    for sample in groups[0]:
        sample.reward = {"right": 1.0, "length": 7.0}
    adapter.report_samples(args, groups, source)
    assert run.prompt(prompts(groups)[0]).success_sum == N


def test_aborted_groups_come_back_and_are_reported_when_done(args, run):
    source = adapter.DataSource(args)
    groups = source.get_samples(4)
    roll_out(groups)
    groups[0][1].status = Status.ABORTED
    adapter.report_samples(args, groups, source)
    assert run.stats().group_count == 3
    source.add_samples(groups[:1])
    again = source.get_samples(3)
    assert again[0] is groups[0]
    # What is in flight is not dealt again; what is complete may be.
    assert prompts(groups)[0] not in prompts(again[1:])
    roll_out(again[:1])
    adapter.report_samples(args, again[:1], source)
    stats = run.stats()
    assert stats.group_count == 4 and stats.duplicate_rollout_count == 0


def test_a_resume_deals_what_was_not_finished_first(args, run):
    source = adapter.DataSource(args)
    groups = source.get_samples(6)
    roll_out(groups)
    adapter.report_samples(args, groups[:3], source)
    source.save(7)
    assert source.saved == [7]
    adapter.report_samples(args, groups[3:4], source)
    later = source.get_samples(4)
    again = adapter.DataSource(args)
    again.load(7)
    came = again.get_samples(7)
    assert prompts(came) == prompts(groups[3:] + later)
    assert came[0][0].index == 4 * N
    assert run.stats().batch_count == 3
    # One that was never saved starts with nothing to restore.
    fresh = adapter.DataSource(args)
    fresh.load(99)
    assert fresh.deals.open_count == 0


def test_prompts_of_one_content_need_ids(args):
    args.vade.pop("id_key")
    adapter.DataSource(args)
    args.prompt_data.append(args.prompt_data[3])
    with pytest.raises(vade.InvalidArgument, match="samples.30.*samples.3."):
        adapter.DataSource(args)
    args.vade["id_key"] = "nothing"
    with pytest.raises(vade.InvalidArgument, match="VADE_ID_KEY"):
        adapter.DataSource(args)
    args.prompt_data = None
    with pytest.raises(vade.InvalidArgument, match="--prompt-data"):
        adapter.DataSource(args)
