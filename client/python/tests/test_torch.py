"""Samplers, datasets and the loader of vade.torch in one process."""

from __future__ import annotations

import gc
import json
import pickle

import pytest

import vade

torch = pytest.importorskip("torch")

import vade.torch  # noqa: E402
from vade.adapters import Deal, Steps  # noqa: E402

IDS = [f"p{i}" for i in range(100)]
ROWS = [{"question": f"? {prompt}"} for prompt in IDS]


def make_loader(run, kind, *, steps=6, **options):
    if kind == "stream":
        data = vade.torch.PromptStream(run, 5, rows=ROWS, ids=IDS, steps=steps)
        return vade.torch.DataLoader(data, batch_size=None, **options)
    sampler = vade.torch.BatchSampler(run, 5, ids=IDS, steps=steps)
    data = vade.torch.PromptDataset(ROWS)
    return vade.torch.DataLoader(data, batch_sampler=sampler, **options)


def column(rows, name):
    if isinstance(rows, list):
        return [row[name] for row in rows]
    values = rows[name]
    return values.tolist() if hasattr(values, "tolist") else list(values)


def step_of(rows):
    (step,) = set(column(rows, "vade_step"))
    return step


PERSISTENT = {
    "num_workers": 2,
    "persistent_workers": True,
    "prefetch_factor": 3,
}
LOADERS = [
    ("sampler", {}),
    ("sampler", {"num_workers": 2}),
    ("sampler", PERSISTENT),
    ("stream", {}),
    ("stream", PERSISTENT),
    ("stream", {"num_workers": 2, "multiprocessing_context": "fork"}),
]


@pytest.mark.parametrize(("kind", "options"), LOADERS)
def test_rows_carry_their_deal_over_epochs(new_run, kind, options):
    run = new_run(group_size=2)
    loader = make_loader(run, kind, **options)
    seen = []
    for _ in range(2):
        for rows in loader:
            prompts = column(rows, "vade_prompt")
            questions = column(rows, "question")
            assert questions == [f"? {prompt}" for prompt in prompts]
            rewards = torch.tensor([[1.0, 0.0]] * len(prompts))
            result = vade.torch.report(run, rows, rewards)
            assert result.completed_group_count == 5
            seen.append((step_of(rows), prompts))
    assert [step for step, _ in seen] == list(range(12))
    for step, prompts in seen:
        batch = run.next_batch(5, request_id=f"step-{step}")
        assert batch.repeated_request
        assert [prompt.id for prompt in batch] == prompts
    stats = run.stats()
    assert stats.batch_count == 12
    assert stats.rollout_count == 120 and stats.duplicate_rollout_count == 0
    assert stats.late_rollout_count == 0


@pytest.mark.parametrize(("kind", "options"), LOADERS)
def test_what_was_prefetched_comes_out_after_a_break(new_run, kind, options):
    run = new_run(group_size=2)
    loader = make_loader(run, kind, **options)
    steps, prompts = [], []
    for _ in range(3):
        for rows in loader:
            steps.append(step_of(rows))
            prompts += column(rows, "vade_prompt")
            if len(steps) % 2 == 0:
                break
    assert steps == list(range(6))
    # Nothing was reported, so all are in flight, and none came twice.
    assert len(set(prompts)) == len(prompts) == 30
    assert loader.step == 6
    assert loader.state_dict()["step"] == 6


@pytest.mark.parametrize(
    ("kind", "workers"),
    [("sampler", 0), ("sampler", 2), ("stream", 0), ("stream", 1)],
)
def test_a_state_leaves_out_what_was_only_prefetched(new_run, kind, workers):
    run = new_run(group_size=2)
    first = make_loader(run, kind, num_workers=workers)
    iterator = iter(first)
    came = [next(iterator) for _ in range(2)]
    state = json.loads(json.dumps(first.state_dict()))
    assert state["step"] == 2 and state["run"] == run.id
    lost = [column(next(iterator), "vade_prompt") for _ in range(2)]
    del iterator
    second = make_loader(run, kind, num_workers=workers)
    second.load_state_dict(state)
    rest = list(second)
    assert [step_of(rows) for rows in rest] == [2, 3, 4, 5]
    assert [column(rows, "vade_prompt") for rows in rest[:2]] == lost
    dealt = [p for rows in came + rest for p in column(rows, "vade_prompt")]
    assert len(set(dealt)) == len(dealt) == 30
    assert run.stats().batch_count == 6


def test_workers_do_not_change_the_batches(new_run):
    told = []
    for workers in (0, 1, 2):
        run = new_run(group_size=2, seed=7)
        loader = make_loader(run, "sampler", steps=8, num_workers=workers)
        batches = []
        for rows in loader:
            prompts = column(rows, "vade_prompt")
            vade.torch.report(run, rows, [[1, i % 2] for i in range(5)])
            batches.append(prompts)
        told.append(batches)
    # Two workers sample four batches ahead of the rewards, none samples
    # none: only what follows from the rewards may differ.
    assert told[0][:1] == told[1][:1] == told[2][:1]
    again = new_run(group_size=2, seed=7)
    batches = []
    for rows in make_loader(again, "sampler", steps=8, num_workers=2):
        batches.append(column(rows, "vade_prompt"))
        vade.torch.report(again, rows, [[1, i % 2] for i in range(5)])
    assert batches == told[2]


def test_payloads_are_rows_where_there_is_no_dataset(client):
    run = client.create_run("torch-payloads", group_size=2)
    run.import_prompts((f"p{i}", {"n": i}) for i in range(20))
    sampler = vade.torch.BatchSampler(run, 4, steps=2)
    loader = vade.torch.DataLoader(
        vade.torch.PromptDataset(), batch_sampler=sampler
    )
    for rows in loader:
        names = [f"p{n}" for n in column(rows, "n")]
        assert names == column(rows, "vade_prompt")
    stream = vade.torch.PromptStream(run, 4, steps=1, prefix="other")
    (rows,) = vade.torch.DataLoader(stream, batch_size=None)
    assert [f"p{row['n']}" for row in rows] == column(rows, "vade_prompt")


def test_a_deal_is_an_index_of_any_dataset(run):
    sampler = vade.torch.BatchSampler(run, 5, ids=IDS, steps=1)
    ((first, *_),) = sampler
    assert IDS[first] == first.prompt
    assert first.key == f"{first.batch}/{first.prompt}"
    assert pickle.loads(pickle.dumps(first)) == first
    plain = vade.torch.BatchSampler(run, 5, ids=IDS, steps=1, prefix="plain")
    loader = torch.utils.data.DataLoader(IDS, batch_sampler=plain)
    assert set(next(iter(loader))) <= set(IDS)
    with pytest.raises(TypeError, match="give ids="):
        IDS[Deal(0, "1-1", "p0", 8)]


def test_ranks_get_one_batch_and_a_part_each(run):
    parts = []
    for rank in range(3):
        sampler = vade.torch.BatchSampler(
            run, 7, ids=IDS, steps=1, shard=(rank, 3)
        )
        parts += [deal.prompt for deals in sampler for deal in deals]
    whole = run.next_batch(7, request_id="step-0")
    assert parts == [prompt.id for prompt in whole]
    assert run.stats().batch_count == 1
    assert vade.torch.shard() is None


def test_a_second_training_is_not_fed_the_batches_of_the_first(new_run):
    run = new_run(group_size=2)
    for rows in make_loader(run, "sampler", steps=1):
        vade.torch.report(run, rows, [[1, 0]] * 5)
    with pytest.raises(vade.FailedPrecondition, match="prefix") as caught:
        next(iter(make_loader(run, "sampler")))
    assert caught.value.reason == "STEPS_USED"
    other = Steps(run, 5, prefix="second")
    assert other.take()[0] == 0


def test_a_training_that_died_before_any_reward_takes_up_its_leases(run):
    first = Steps(run, 5).take()
    again = Steps(run, 5).take()
    assert again[1].prompts == first[1].prompts


def test_a_load_renews_what_was_dealt_since(run):
    steps = Steps(run, 5, lease_ttl=60)
    steps.take()
    state = steps.state_dict()
    _, second = steps.take()
    again = Steps(run, 5, lease_ttl=3600)
    again.load_state_dict(state)
    assert run.batch(second).expire_time > second.expire_time
    assert again.next_step == 1
    assert again.take()[1].id == second.id


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"run": "other"}, "'run'.*resume with the run"),
        ({"batch_size": 6}, "'batch_size'.*now it is 5"),
        ({"prefix": "x"}, "'prefix'"),
        ({"version": 2}, "version 1"),
        ({"step": -1}, "'step'"),
        (None, "what state_dict"),
    ],
)
def test_a_state_of_something_else_is_refused(run, change, match):
    steps = Steps(run, 5)
    state = steps.state_dict()
    state = None if change is None else {**state, **change}
    with pytest.raises(vade.InvalidArgument, match=match):
        Steps(run, 5).load_state_dict(state)


def test_too_much_prefetch_says_so(run):
    sampler = iter(vade.torch.BatchSampler(run, 40, ids=IDS, max_wait=0.1))
    next(sampler)
    next(sampler)
    with pytest.raises(vade.NotEnoughEligible, match="prefetch fewer"):
        next(sampler)


def test_an_error_of_the_sampler_leaves_no_workers_behind(run):
    sampler = vade.torch.BatchSampler(run, 40, ids=IDS, max_wait=0)
    data = vade.torch.PromptDataset(ROWS)
    options = dict(num_workers=1, prefetch_factor=3)
    loader = vade.torch.DataLoader(data, batch_sampler=sampler, **options)
    gc.disable()
    try:
        with pytest.raises(vade.NotEnoughEligible) as caught:
            next(iter(loader))
        del caught
        kinds = {type(found).__name__ for found in gc.get_objects()}
    finally:
        gc.enable()
    assert "_MultiProcessingDataLoaderIter" not in kinds


def test_only_a_loader_that_knows_the_step_reads_a_stream_with_workers(run):
    stream = vade.torch.PromptStream(run, 5, rows=ROWS, ids=IDS, steps=3)
    spawned = torch.utils.data.DataLoader(
        stream,
        batch_size=None,
        num_workers=1,
        multiprocessing_context="spawn",
    )
    with pytest.raises(vade.FailedPrecondition, match="vade.torch.DataLoader"):
        next(iter(spawned))
    # One of torch's own, over two epochs: it has no state, but goes on.
    plain = torch.utils.data.DataLoader(stream, batch_size=None)
    steps = [step_of(rows) for _ in range(2) for rows in plain]
    assert steps == list(range(6))


def test_a_prompt_that_the_dataset_lacks_is_named(run):
    sampler = vade.torch.BatchSampler(run, 100, ids=IDS[:-1])
    with pytest.raises(vade.FailedPrecondition, match="'p99'"):
        next(iter(sampler))


def test_wrong_arguments_name_the_fix(run):
    sampler = vade.torch.BatchSampler(run, 5)
    with pytest.raises(vade.InvalidArgument, match="ids.1.*ids.0. has it"):
        vade.torch.BatchSampler(run, 5, ids=["a", "a"])
    with pytest.raises(vade.InvalidArgument, match="steps: give 1"):
        vade.torch.BatchSampler(run, 5, steps=0)
    with pytest.raises(vade.InvalidArgument, match="batch_size: give 1"):
        vade.torch.BatchSampler(run, 0)
    with pytest.raises(vade.InvalidArgument, match="prefix"):
        vade.torch.BatchSampler(run, 5, prefix="x" * 101)
    with pytest.raises(vade.InvalidArgument, match="rows and ids together"):
        vade.torch.PromptStream(run, 5, rows=ROWS)
    with pytest.raises(vade.InvalidArgument, match="batch_sampler="):
        vade.torch.PromptDataset(ROWS)[0]
    with pytest.raises(vade.InvalidArgument, match="batch_sampler"):
        vade.torch.DataLoader(vade.torch.PromptDataset(ROWS))
    stream = vade.torch.PromptStream(run, 5)
    with pytest.raises(vade.InvalidArgument, match="batch_size: give None"):
        vade.torch.DataLoader(stream)
    for endless in (sampler, stream):
        with pytest.raises(TypeError, match="no length"):
            len(endless)


def test_a_report_that_does_not_fit_its_rows_is_refused(new_run):
    run = new_run(group_size=2)
    rows = next(iter(make_loader(run, "sampler")))
    with pytest.raises(vade.InvalidArgument, match="each of the 5 rows"):
        vade.torch.report(run, rows, [[1, 0]] * 4)
    with pytest.raises(vade.InvalidArgument, match="all 2 rollouts"):
        vade.torch.report(run, rows, [[1]] * 5)
    with pytest.raises(vade.InvalidArgument, match="vade_prompt"):
        vade.torch.report(run, {"question": ["?"]}, [[1, 0]])
    result = vade.torch.report(run, rows, [[1, None]] * 5)
    assert (result.accepted_count, result.failed_count) == (5, 5)
