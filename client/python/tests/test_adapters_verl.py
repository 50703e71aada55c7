"""The verl adapter, against stand-ins of verl's hooks.

The stand-ins follow verl 0.5 to 0.7 (AbstractCurriculumSampler, update) and
0.8 and later (data.custom_cls, on_batch_end, compute_score): a DataProto is a
batch of tensors and a non_tensor_batch of arrays, each prompt repeated n
times; the loader takes batch_size indexes at a time and saves the sampler's
state after them.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import types

import numpy as np
import pytest

import vade

torch = pytest.importorskip("torch")

from vade.adapters import verl as adapter  # noqa: E402
from vade.adapters._singles import SingleRollouts  # noqa: E402

N = 4
ROWS = [
    {"data_source": "gsm8k", "extra_info": {"index": i, "split": "train"}}
    for i in range(40)
]
_numbers = itertools.count(1)


class StandInDataset:
    """RLHFDataset(data_files, tokenizer, config, processor)."""

    def __init__(self, data_files, tokenizer=None, config=None, processor=None):
        self.dataframe = ROWS

    def __len__(self):
        return len(self.dataframe)

    def __getitem__(self, item):
        return dict(self.dataframe[item], index=item)


class StandInSampler(torch.utils.data.Sampler):
    """AbstractCurriculumSampler."""


@pytest.fixture(autouse=True)
def verl(monkeypatch, server):
    """verl's modules; classes made of them last no longer than a test."""
    sampler = types.ModuleType("verl.experimental.dataset.sampler")
    sampler.AbstractCurriculumSampler = StandInSampler
    dataset = types.ModuleType("verl.utils.dataset.rl_dataset")
    dataset.RLHFDataset = StandInDataset
    for module in (sampler, dataset):
        parts = module.__name__.split(".")
        for end in range(1, len(parts)):
            name = ".".join(parts[:end])
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    for name in ("CurriculumSampler", "DealtDataset"):
        monkeypatch.delitem(vars(adapter), name, raising=False)
    yield
    for name in ("CurriculumSampler", "DealtDataset"):
        vars(adapter).pop(name, None)


@pytest.fixture
def config(server):
    own = {"run": f"verl-{next(_numbers)}", "address": server.address}
    return {
        "train_batch_size": 5,
        "dataloader_num_workers": 0,
        "train_files": ["train.parquet"],
        "val_files": ["test.parquet"],
        "vade": {"group_size": N, "seed": 5, **own},
    }


@pytest.fixture
def run(client, config):
    return client.run(config["vade"]["run"])


def data_proto(rows, rewards):
    """Each row n times, as after `batch.repeat(n, interleave=True)`."""
    repeated = [row for row in rows for _ in range(N)]
    scores = torch.zeros(len(repeated), 3)
    scores[:, -1] = torch.tensor([r for group in rewards for r in group])
    names = {name for row in rows for name in row}
    arrays = {
        name: np.array([row[name] for row in repeated], dtype=object)
        for name in names
    }
    arrays["uid"] = np.repeat(np.arange(len(rows)), N)
    return types.SimpleNamespace(
        batch={"token_level_scores": scores}, non_tensor_batch=arrays
    )


def chunks(sampler, size=5):
    indexes = iter(sampler)
    while chunk := list(itertools.islice(indexes, size)):
        yield chunk


def solved(index):
    return [float(index % 2)] * N


def test_a_curriculum_sampler_learns_from_update(config, run):
    sampler = adapter.CurriculumSampler(StandInDataset("f"), config)
    assert isinstance(sampler, StandInSampler) and len(sampler) == 40
    steps = []
    for chunk in chunks(sampler):
        steps.append(chunk)
        rows = [dict(ROWS[i]) for i in reversed(chunk)]
        sampler.update(data_proto(rows, [solved(i) for i in reversed(chunk)]))
    assert len(steps) == 8
    for step, chunk in enumerate(steps):
        batch = run.next_batch(5, request_id=f"step-{step}")
        assert [int(p.id) for p in batch] == chunk
        for group in run.batch(batch).groups:
            assert group.state == "completed"
            assert group.success_sum == sum(solved(int(group.prompt.id)))
    assert run.stats().duplicate_rollout_count == 0


def test_a_sampler_that_is_loaded_repeats_what_was_not_saved(config, run):
    sampler = adapter.CurriculumSampler(StandInDataset("f"), config)
    loop = chunks(sampler)
    came = [next(loop) for _ in range(2)]
    state = sampler.state_dict()
    lost = next(loop)
    again = adapter.CurriculumSampler(StandInDataset("f"), config)
    again.load_state_dict(state)
    assert next(chunks(again)) == lost
    assert not set(lost) & {i for chunk in came for i in chunk}
    assert run.stats().batch_count == 3


def test_groups_that_a_filter_dropped_are_released(config, run, caplog):
    sampler = adapter.CurriculumSampler(StandInDataset("f"), config)
    loop = chunks(sampler)
    first = next(loop)
    next(loop)
    kept = first[1:4]
    rows = [ROWS[i] for i in kept]
    sampler.update(data_proto(rows, [solved(i) for i in kept]))
    batch = run.next_batch(5, request_id="step-0")
    states = [group.state for group in run.batch(batch).groups]
    assert states == ["released", *["completed"] * 3, "released"]
    assert "filtered before update" in caplog.text
    assert run.stats().in_flight_prompt_count == 5
    for i in (first[0], first[4]):
        assert run.prompt(str(i)).rollout_count == 0


def test_a_dealt_dataset_passes_over_the_index(config, run):
    dataset = adapter.DealtDataset("train.parquet", None, config, None)
    assert isinstance(dataset, StandInDataset)
    rows = [dataset[0] for _ in range(10)]
    for step in range(2):
        batch = run.next_batch(5, request_id=f"step-{step}")
        part = rows[step * 5 :][:5]
        assert [str(row["index"]) for row in part] == [p.id for p in batch]
        keys = [row["extra_info"]["vade_deal"] for row in part]
        assert keys == [f"{batch.id}/{p.id}" for p in batch]
        dataset.on_batch_end(
            data_proto(part, [solved(row["index"]) for row in part])
        )
        states = {group.state for group in run.batch(batch).groups}
        assert states == {"completed"}
    # verl makes the validation set of the same class.
    validation = adapter.DealtDataset("test.parquet", None, config, None)
    assert [validation[i]["index"] for i in range(3)] == [0, 1, 2]
    assert "vade_deal" not in validation[0]["extra_info"]
    validation.on_batch_end(data_proto([ROWS[0]], [solved(0)]))
    assert run.stats().rollout_count == 10 * N


def test_a_dealt_dataset_resumes_at_verls_own_step(config, run, tmp_path):
    config["vade"]["checkpoints"] = str(tmp_path)
    dataset = adapter.DealtDataset(["train.parquet"], config=config)
    came = [dataset[0]["index"] for _ in range(20)]
    (tmp_path / "latest_checkpointed_iteration.txt").write_text("3\n")
    again = adapter.DealtDataset(["train.parquet"], config=config)
    assert [again[0]["index"] for _ in range(5)] == came[15:]
    assert run.stats().batch_count == 4


def test_without_checkpoints_it_goes_on_by_what_is_in_flight(config, run):
    dataset = adapter.DealtDataset(["train.parquet"], config=config)
    rows = [dataset[0] for _ in range(10)]
    dataset.on_batch_end(
        data_proto(rows[:5], [solved(row["index"]) for row in rows[:5]])
    )
    again = adapter.DealtDataset(["train.parquet"], config=config)
    came = [again[0]["index"] for _ in range(6)]
    assert came[:5] == [row["index"] for row in rows[5:]]
    assert run.stats().batch_count == 3


def test_compute_score_reports_each_rollout(config, run):
    dataset = adapter.DealtDataset(["train.parquet"], config=config)
    row = dataset[0]
    singles = SingleRollouts(run.client, run.id)
    scores = iter([1.0, {"score": 0.0, "acc": 0}, None, 1.0])

    def compute(data_source, solution_str, ground_truth, extra_info=None):
        return next(scores)

    async def compute_async(*args, **options):
        return compute(*args, **options)

    plain = adapter.reports(compute, singles)
    assert plain("gsm8k", "4", "4", row["extra_info"]) == 1.0
    info = {"extra_info": row["extra_info"]}
    assert plain("gsm8k", "5", "4", **info)["acc"] == 0
    later = adapter.reports(compute_async, singles)
    assert asyncio.run(later("gsm8k", "", "4", **info)) is None
    assert asyncio.run(later("gsm8k", "4", "4", **info)) == 1.0
    batch = run.next_batch(5, request_id="step-0")
    group = run.batch(batch).groups[0]
    assert (group.state, group.reward_count) == ("completed", 3)
    assert (group.success_sum, group.failed_count) == (2.0, 1)
    # A validation row has no deal.
    quiet = adapter.reports(lambda *_: 1.0, singles)
    assert quiet("gsm8k", "4", "4", {"index": 0}) == 1.0
    assert run.stats().rollout_count == 3


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"dataloader_num_workers": 2}, "dataloader_num_workers: give 0"),
        ({"vade": {"run": "x"}}, "actor_rollout_ref.rollout.n"),
        ({"vade": {"group_size": N}}, "set VADE_RUN"),
        ({"vade": {"group_size": N, "run": "x", "rum": 1}}, "give some of"),
    ],
)
def test_a_wrong_config_names_the_fix(config, change, match, monkeypatch):
    monkeypatch.delenv("VADE_RUN", raising=False)
    with pytest.raises(vade.InvalidArgument, match=match):
        adapter.CurriculumSampler(StandInDataset("f"), {**config, **change})


def test_rows_without_an_index_of_their_own_are_refused(config):
    dataset = StandInDataset("f")
    dataset.dataframe = [{"extra_info": {"index": 0}} for _ in range(9)]
    with pytest.raises(vade.InvalidArgument, match="rows.1.*rows.0."):
        adapter.CurriculumSampler(dataset, config)


def test_an_unknown_name_of_the_module_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Nothing"):
        adapter.Nothing
