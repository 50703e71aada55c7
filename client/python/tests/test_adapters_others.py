"""Adapters of OpenRLHF, prime-rl, SkyRL, AReaL and NeMo-RL, against stand-ins
of the hooks' signatures.

OpenRLHF 0.11: PromptDataset rows (datasource, prompt, label), and
reward_func(queries, prompts, labels) in any process. prime-rl: TaskSampler.
SkyRL: PromptDataset rows (messages, env_class, extras, uid) and
GeneratorInterface.generate. AReaL 1.0: a loader of lists of rows, and
reward_fn(prompt, completions, prompt_ids, completion_ids, **columns). NeMo-RL
0.6: custom_dataloader(data_iterators, dataloaders, **records).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import multiprocessing
import sys
import types
from types import SimpleNamespace

import pytest

import vade
from vade.adapters import DealQueue, Steps
from vade.adapters import areal, nemo_rl, openrlhf, prime_rl, skyrl
from vade.adapters._singles import SingleRollouts

N = 4
IDS = [f"p{i}" for i in range(40)]


@pytest.fixture
def run(new_run):
    return new_run(prompts=len(IDS), group_size=N)


@pytest.fixture
def deals(run):
    return DealQueue(Steps(run, 4, max_wait=1), IDS)


@pytest.fixture
def singles(run):
    return SingleRollouts(run.client, run.id)


def states(run, step, size=4):
    batch = run.next_batch(size, request_id=f"step-{step}")
    assert batch.repeated_request
    return [group.state for group in run.batch(batch).groups]


# ---- OpenRLHF


class OpenRlhfDataset:
    def __len__(self):
        return len(IDS)

    def __getitem__(self, index):
        return "default", f"? {IDS[index]}", f"={IDS[index]}"

    def collate_fn(self, items):
        return tuple(list(column) for column in zip(*items))


def is_p_even(queries, prompts, labels):
    """As a user writes it: knows nothing of deals."""
    assert all(label.startswith("=p") for label in labels)
    rewards = [float(int(label[2:]) % 2 == 0) for label in labels]
    return {"rewards": rewards, "extra_logs": {}}


@openrlhf.reports
def reported_from_environment(queries, prompts, labels):
    return is_p_even(queries, prompts, labels)


def test_openrlhf_labels_carry_the_deal(run, deals, singles):
    dataset = openrlhf.DealtPrompts(OpenRlhfDataset(), deals)
    assert len(dataset) == 40
    _, prompts, labels = dataset.collate_fn([dataset[0] for _ in range(4)])
    batch = run.next_batch(4, request_id="step-0")
    assert prompts == [f"? {prompt.id}" for prompt in batch]
    function = openrlhf.reports(is_p_even, singles)
    for prompt, label in zip(prompts, labels):
        for _ in range(N):
            result = function([prompt + "!"], [prompt], [label])
            assert result["rewards"] == [float(int(prompt[3:]) % 2 == 0)]
    assert states(run, 0) == ["completed"] * 4
    assert run.stats().rollout_count == 16
    # Labels of an evaluation set are as they were.
    assert function(["q"], ["p"], ["=p2"])["rewards"] == [1.0]
    assert run.stats().rollout_count == 16


def test_openrlhf_rewards_come_from_any_process(
    server, run, deals, monkeypatch
):
    monkeypatch.setenv("VADE_RUN", run.id)
    monkeypatch.setenv("VADE_ADDRESS", server.address)
    dataset = openrlhf.DealtPrompts(OpenRlhfDataset(), deals)
    rows = [dataset[0] for _ in range(4)]
    with concurrent.futures.ProcessPoolExecutor(
        2, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        calls = [
            pool.submit(reported_from_environment, ["q"], [prompt], [label])
            for _, prompt, label in rows * N
        ]
        for call in calls:
            call.result(60)
    assert states(run, 0) == ["completed"] * 4
    assert run.stats().rollout_count == 16


def test_openrlhf_scores_win_over_shaped_rewards(run, deals, singles):
    dataset = openrlhf.DealtPrompts(OpenRlhfDataset(), deals)
    _, prompt, label = dataset[0]
    for result in (
        {"rewards": [-7.5], "scores": [1.0]},
        [{"rewards": 1.0}],
        {"rewards": None},
    ):
        openrlhf.reports(lambda *_, r=result: r, singles)(
            ["q"], [prompt], [label]
        )
    group = run.batch(run.next_batch(4, request_id="step-0")).groups[0]
    assert (group.success_sum, group.failed_count) == (2.0, 1)


def test_openrlhf_resumes_behind_what_was_handed_out(run, deals):
    dataset = openrlhf.DealtPrompts(OpenRlhfDataset(), deals)
    for _ in range(6):
        dataset[0]
    state = json.loads(json.dumps(dataset.state_dict()))
    lost = [dataset[0][2] for _ in range(5)]
    again = openrlhf.DealtPrompts(
        OpenRlhfDataset(), DealQueue(Steps(run, 4), IDS)
    )
    again.load_state_dict(state)
    assert [again[0][2] for _ in range(5)] == lost


# ---- prime-rl


def episode(key, *rewards, ok=True):
    return SimpleNamespace(
        task=SimpleNamespace(key=key),
        ok=ok,
        traces=[
            SimpleNamespace(
                reward=reward,
                has_error=reward is None,
                num_turns=1,
                agent=SimpleNamespace(trainable=True),
            )
            for reward in rewards
        ],
    )


TASKS = [SimpleNamespace(key=prompt) for prompt in IDS]


def test_prime_rl_observes_groups_in_any_order(run):
    dealer = prime_rl.TaskDealer(run, TASKS, batch_size=4)
    tasks = [next(dealer) for _ in range(6)]
    assert iter(dealer) is dealer
    for task in reversed(tasks[:4]):
        dealer.observe([episode(task.key, r) for r in (1.0, 0.0, 0.0, None)])
    assert states(run, 0) == ["completed"] * 4
    stats = run.stats()
    assert (stats.rollout_count, stats.failed_rollout_count) == (12, 4)
    # A group whose episodes all failed is no evidence, and over.
    dealer.observe([episode(tasks[4].key, 1.0, ok=False)])
    assert run.prompt(tasks[4].key).rollout_count == 0
    assert states(run, 1)[:2] == ["completed", "in_flight"]
    dealer.observe([episode("foreign", 1.0)])
    assert dealer.metrics() == {
        "observed": 5.0,
        "unknown": 1.0,
        "failed_rollouts": 5.0,
        "open": 3.0,
    }


def test_prime_rl_takes_up_what_was_in_flight(run):
    dealer = prime_rl.TaskDealer(run, TASKS, batch_size=4)
    tasks = [next(dealer) for _ in range(7)]
    dealer.observe([episode(tasks[2].key, 1.0, 1.0, 0.0, 0.0)])
    state = json.loads(json.dumps(dealer.state_dict()))
    again = prime_rl.TaskDealer(run, TASKS, batch_size=4)
    again.load_state_dict(state)
    came = [next(again).key for _ in range(6)]
    assert came == [task.key for task in tasks[:2] + tasks[3:]]
    again.observe([episode(came[0], 1.0, 1.0, 0.0, 0.0)])
    assert run.stats().group_count == 2


def test_prime_rl_gets_a_task_sampler(run, monkeypatch):
    name = "prime_rl.orchestrator.curriculum.samplers"
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        part = ".".join(parts[:end])
        monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
    base = type("TaskSampler", (), {})
    sys.modules[name].TaskSampler = base
    made = prime_rl.task_sampler(run, TASKS, batch_size=2)
    assert isinstance(made, base) and next(made) in TASKS
    with pytest.raises(vade.InvalidArgument, match="finite taskset"):
        prime_rl.task_sampler(run, iter(TASKS))


# ---- SkyRL


class SkyRlDataset:
    def __len__(self):
        return len(IDS)

    def __getitem__(self, item):
        return [{"role": "user", "content": IDS[item]}], "env", {}, str(item)

    def collate_fn(self, items):
        names = ("prompt", "env_class", "env_extras", "uid")
        return [dict(zip(names, item)) for item in items]


class SkyRlGenerator:
    """GeneratorInterface; rewards a whole, or one for each token."""

    name = "stand-in"

    def __init__(self, rewards, **more):
        self._rewards, self._more = rewards, more

    async def generate(self, input_batch):
        count = len(input_batch["trajectory_ids"])
        return {"rewards": self._rewards[:count], **self._more}


def generator_input(rows, phase="train"):
    ids = [
        SimpleNamespace(instance_id=row["uid"], repetition_id=place)
        for row in rows
        for place in range(N)
    ]
    metadata = SimpleNamespace(global_step=1, training_phase=phase)
    return {"trajectory_ids": ids, "batch_metadata": metadata}


def test_skyrl_mints_a_uid_for_each_deal(new_run):
    run = new_run(prompts=4, group_size=N)
    deals = DealQueue(Steps(run, 4), IDS)
    dataset = skyrl.DealtPrompts(SkyRlDataset(), deals)
    uids = set()
    for step in range(3):
        rows = dataset.collate_fn([dataset[7] for _ in range(4)])
        for row in rows:
            assert row["uid"].endswith("/" + row["prompt"][0]["content"])
            uids.add(row["uid"])
        generator = skyrl.ReportingGenerator(
            SkyRlGenerator([1.0, 0.0] * 8), deals
        )
        asyncio.run(generator.generate(generator_input(rows)))
        assert states(run, step) == ["completed"] * 4
        assert generator.name == "stand-in"
    assert len(uids) == 12 and deals.open_count == 0
    assert not hasattr(dataset, "load_state_dict")


def test_skyrl_reports_tokens_steps_and_aborted_rollouts(run, deals):
    dataset = skyrl.DealtPrompts(SkyRlDataset(), deals)
    rows = dataset.collate_fn([dataset[0]])
    inner = SkyRlGenerator(
        [[0.0, 1.0], [0.25, 0.25], [0.0], 1.0],
        stop_reasons=["stop", "length", "stop", "abort"],
    )
    generator = skyrl.ReportingGenerator(inner, deals)
    asyncio.run(generator.generate(generator_input(rows)))
    group = run.batch(run.next_batch(4, request_id="step-0")).groups[0]
    assert (group.reward_count, group.failed_count) == (3, 1)
    assert group.success_sum == 1.5
    # Of a stepwise trajectory the last step has the reward.
    (second,) = dataset.collate_fn([dataset[0]])
    ids = [SimpleNamespace(instance_id=second["uid"], repetition_id=0)] * 3
    inner = SkyRlGenerator([0.0, 0.0, 1.0], is_last_step=[False, False, True])
    generator = skyrl.ReportingGenerator(inner, deals)
    asyncio.run(generator.generate({"trajectory_ids": ids}))
    assert run.stats().rollout_count == 4


def test_skyrl_evaluations_are_passed_on(run, deals):
    dataset = skyrl.DealtPrompts(SkyRlDataset(), deals)
    rows = dataset.collate_fn([dataset[0]])
    generator = skyrl.ReportingGenerator(SkyRlGenerator([1.0] * N), deals)
    asyncio.run(generator.generate(generator_input(rows, "eval")))
    asyncio.run(generator.generate(generator_input([{"uid": "17"}])))
    assert run.stats().rollout_count == 0


# ---- AReaL

AREAL_ROWS = [{"messages": f"? {prompt}", "answer": prompt} for prompt in IDS]


def test_areal_rows_carry_the_deal_to_the_reward(run, singles):
    loader = areal.DealtLoader(run, AREAL_ROWS, IDS, 4)
    assert len(loader) == 10 and loader.batch_size == 4
    rows = next(iter(loader))
    batch = run.next_batch(4, request_id="step-0")
    assert [row["answer"] for row in rows] == [p.id for p in batch]

    def is_right(prompt, completions, prompt_ids, completion_ids, **columns):
        return 1.0 if completions == columns["answer"] else 0.0

    async def is_right_async(*args, **columns):
        return is_right(*args, **columns)

    plain = areal.reports(is_right, singles)
    later = areal.reports(is_right_async, singles)
    for row in rows:
        for answer in (row["answer"], "x"):
            plain("q", answer, [], [], **row)
            asyncio.run(later("q", answer, [], [], **row))
    infos = run.batch(batch).groups
    assert [info.success_sum for info in infos] == [2.0] * 4
    assert states(run, 0) == ["completed"] * 4
    assert plain("q", "p1", [], [], answer="p1") == 1.0
    assert run.stats().rollout_count == 16


def test_areal_ranks_share_a_step_and_resume_in_flight_first(run, singles):
    def loader_of(rank):
        return areal.DealtLoader(run, AREAL_ROWS, IDS, 4, shard=(rank, 2))

    loaders = [loader_of(rank) for rank in range(2)]
    assert loaders[0].batch_size == 2
    iterators = [iter(loader) for loader in loaders]
    # Three steps were taken ahead; the first of them has its rewards.
    taken = [[next(it) for _ in range(3)] for it in iterators]
    reports = areal.reports(lambda *_, **columns: 1.0, singles)
    for rows in (taken[0][0], taken[1][0]):
        for row in rows * N:
            reports("q", "", [], [], **row)
    state = loaders[0].state_dict()
    for rank in range(2):
        again = loader_of(rank)
        again.load_state_dict(json.loads(json.dumps(state)))
        iterator = iter(again)
        assert [next(iterator) for _ in range(2)] == taken[rank][1:]
        fresh = [row["vade_deal"] for row in next(iterator)]
        batch = run.next_batch(4, request_id="step-3")
        own = [f"{batch.id}/{p.id}" for p in batch][2 * rank :][:2]
        assert fresh == own
    with pytest.raises(vade.InvalidArgument, match="multiple of 3"):
        areal.DealtLoader(run, AREAL_ROWS, IDS, 4, shard=(0, 3))


# ---- NeMo-RL


def nemo_loaders():
    return {
        "math": SimpleNamespace(
            dataset=[{"message_log": f"? {prompt}"} for prompt in IDS],
            collate_fn=lambda rows: {
                name: [row[name] for row in rows] for name in rows[0]
            },
        )
    }


def test_nemo_rl_reports_the_records_of_the_step_before(run):
    function = nemo_rl.DealtBatches(run, IDS, 4)
    iterators = {"math": iter([])}
    records = {}
    for step in range(3):
        batch, iterators = function(iterators, nemo_loaders(), **records)
        dealt = run.next_batch(4, request_id=f"step-{step}")
        asked = [f"? {prompt.id}" for prompt in dealt]
        assert batch["message_log"] == asked
        repeated = [key for key in batch["vade_deal"] for _ in range(N)]
        rewards = [1.0, 0.0, float("nan"), 0.0] * 4
        records = dict(vade_deals=repeated, vade_rewards=rewards, other=1)
        assert states(run, step) == ["in_flight"] * 4
    assert states(run, 1) == ["completed"] * 4
    stats = run.stats()
    assert (stats.rollout_count, stats.failed_rollout_count) == (24, 8)
    assert set(iterators) == {"math"}


def test_nemo_rl_resumes_without_a_state(run):
    first = nemo_rl.DealtBatches(run, IDS, 4)
    first({}, nemo_loaders())
    batch, _ = first({}, nemo_loaders())
    first.report(batch["vade_deal"] * N, [1.0] * 16)
    again = nemo_rl.DealtBatches(run, IDS, 4)
    came, _ = again({}, nemo_loaders())
    step_0 = run.next_batch(4, request_id="step-0")
    assert came["vade_deal"] == [f"{step_0.id}/{p.id}" for p in step_0]
    again({}, nemo_loaders())
    assert run.stats().batch_count == 3


def test_nemo_rl_names_what_does_not_fit(run):
    function = nemo_rl.DealtBatches(run, IDS, 4)
    with pytest.raises(vade.InvalidArgument, match="each of the 2"):
        function.report(["1-1/p0"] * 2, [1.0])
    loaders = nemo_loaders()
    with pytest.raises(vade.InvalidArgument, match="'code', 'math'"):
        function({}, {**loaders, "code": None})
    other = nemo_rl.DealtBatches(run, IDS, 4, task="code")
    with pytest.raises(vade.InvalidArgument, match="name one of"):
        other({}, loaders)
