"""What the adapters share: queues of deals, settings, single rollouts."""

from __future__ import annotations

import itertools
import json
import threading

import pytest

import vade
from vade.adapters import Deal, DealQueue, Steps
from vade.adapters._rewards import Rollout, clean, report_rollouts
from vade.adapters._settings import AdapterSettings, content_id, ids_of
from vade.adapters._settings import open_run
from vade.adapters._singles import SingleRollouts

IDS = [f"p{i}" for i in range(100)]


def keys(deals):
    return [deal.key for deal in deals]


def complete(run, deals):
    size = run.info().group_size
    rollouts = [Rollout(d.key, i % 2, i) for d in deals for i in range(size)]
    return report_rollouts(run, rollouts, size)


def test_a_queue_hands_out_each_deal_once_whatever_is_asked_for(run):
    queue = DealQueue(Steps(run, 6), IDS)
    taken = [queue.take(count) for count in (1, 4, 9, 2)]
    assert [len(part) for part in taken] == [1, 4, 9, 2]
    deals = [deal for part in taken for deal in part]
    assert [IDS[deal] for deal in deals] == [deal.prompt for deal in deals]
    whole = [run.next_batch(6, request_id=f"step-{n}") for n in range(3)]
    dealt = [f"{b.id}/{p.id}" for b in whole for p in b]
    assert keys(deals) == dealt[:16]
    assert run.stats().batch_count == 3


def test_threads_that_share_a_queue_get_each_deal_once(new_run):
    run = new_run(prompts=400)
    queue = DealQueue(Steps(run, 8))
    taken = []

    def take():
        for count in (1, 2, 3) * 8:
            taken.extend(keys(queue.take(count)))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(taken) == len(set(taken)) == 4 * 48
    assert run.stats().batch_count == 24


def test_what_is_given_back_comes_first(run):
    queue = DealQueue(Steps(run, 4), IDS)
    first = queue.take(3)
    queue.give_back(first[1:])
    assert keys(queue.take(2)) == keys(first[1:])
    queue.finish(keys(first))
    queue.give_back(first)
    assert not set(keys(queue.take(1))) & set(keys(first))


def test_a_resumed_queue_hands_out_what_was_not_finished(run):
    queue = DealQueue(Steps(run, 4), IDS)
    deals = queue.take(7)
    queue.finish(keys(deals[:2] + deals[5:6]))
    state = json.loads(json.dumps(queue.state_dict()))
    later = queue.take(6)
    again = DealQueue(Steps(run, 4), IDS)
    again.load_state_dict(state)
    expected = keys(deals[2:5] + deals[6:] + later)
    assert keys(again.take(len(expected))) == expected
    assert again.open_count == len(expected) + 3
    with pytest.raises(vade.InvalidArgument, match="batch_size"):
        DealQueue(Steps(run, 5)).load_state_dict(state)


def test_a_queue_without_a_state_goes_on_by_what_is_in_flight(new_run):
    run = new_run(group_size=2)
    queue = DealQueue(Steps(run, 4), IDS)
    deals = queue.take(10)
    complete(run, deals[:5] + deals[6:8])
    fetched = queue.take(2)
    again = DealQueue(Steps(run, 4), IDS)
    again.resume_open()
    assert keys(again.take(5)) == keys(deals[5:6] + deals[8:] + fetched)
    assert keys(again.take(1)) != keys(deals[5:6])
    assert run.stats().batch_count == 4
    fresh = DealQueue(Steps(run, 4, prefix="fresh"), IDS)
    fresh.resume_open()
    assert fresh.take(1)[0].step == 0


def test_ranks_that_resume_by_a_state_agree_on_the_step(new_run):
    run = new_run(group_size=2)
    states = []
    for rank in range(2):
        queue = DealQueue(Steps(run, 4, shard=(rank, 2)), IDS)
        queue.take(4)
        states.append(queue.state_dict())
    taken = []
    for rank in range(2):
        queue = DealQueue(Steps(run, 4, shard=(rank, 2)), IDS)
        queue.resume_open(states[rank])
        taken.append(queue.take(6))
    for own in taken:
        assert [deal.step for deal in own] == [0, 0, 1, 1, 2, 2]
    both = keys(taken[0]) + keys(taken[1])
    assert len(set(both)) == 12


def test_rollouts_of_many_batches_are_reported_in_any_order(new_run):
    run = new_run(group_size=2)
    queue = DealQueue(Steps(run, 2), IDS)
    deals = queue.take(4)
    rollouts = [Rollout(d.key, 1.0, place) for place in (1, 0) for d in deals]
    result = report_rollouts(run, rollouts, 2)
    assert result.completed_group_count == 4
    with pytest.raises(vade.InvalidArgument, match="all of them, or none"):
        some = [Rollout(deals[0].key, 1, 0), Rollout(deals[0].key, 1)]
        report_rollouts(run, some, 2)
    with pytest.raises(vade.InvalidArgument, match="all 2 rollouts"):
        report_rollouts(run, [Rollout(deals[0].key, 1)], 2)
    with pytest.raises(vade.InvalidArgument, match="BATCH/PROMPT"):
        report_rollouts(run, [Rollout("nonsense", 1)], 2)


def test_no_reward_is_no_zero():
    assert clean(None) is None and clean(float("nan")) is None
    assert clean(True) == 1.0 and clean("0.5") == 0.5
    with pytest.raises(vade.InvalidArgument, match="one number a rollout"):
        clean([1])


def test_single_rollouts_of_many_reporters_fill_each_place_once(
    server, new_run
):
    run = new_run(group_size=8)
    queue = DealQueue(Steps(run, 3), IDS)
    deals = queue.take(3)
    places = []

    def roll_out(number):
        with vade.Client(
            server.address, retry=vade.Retry(max_attempts=1)
        ) as client:
            singles = SingleRollouts(client, run.id)
            for deal, _ in itertools.product(deals, range(2)):
                places.append((deal.key, singles.report(deal.key, 1.0)))

    threads = [threading.Thread(target=roll_out, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    expected = [(d.key, p) for d in deals for p in range(8)]
    assert sorted(places) == sorted(expected)
    for deal in deals:
        evidence = run.prompt(deal.prompt).evidence
        assert evidence == vade.Evidence(8.0, 0.0)
    # A step repeated after a resume finds its groups complete.
    again = SingleRollouts(run.client, run.id)
    assert again.report(deals[0].key, 0.0) is None
    assert run.prompt(deals[0].prompt).evidence == vade.Evidence(8.0, 0.0)


class LossyRun:
    """Loses the answers named, after the server has counted the report."""

    def __init__(self, run, lose):
        self._run, self._lose, self._calls = run, lose, 0

    def info(self):
        return self._run.info()

    def report(self, *args, **options):
        result = self._run.report(*args, **options)
        self._calls += 1
        if self._calls in self._lose:
            raise vade.Unavailable("cut", maybe_applied=True)
        return result


class LossyClient:
    def __init__(self, run, lose):
        self._made = LossyRun(run, lose)

    def run(self, _):
        return self._made


def test_a_lost_answer_counts_no_rollout_twice(new_run):
    run = new_run(group_size=4)
    (deal,) = DealQueue(Steps(run, 1), IDS).take(1)
    singles = SingleRollouts(LossyClient(run, {1, 2, 5}), run.id)
    places = [singles.report(deal.key, 1.0) for _ in range(4)]
    assert sorted(places) == [0, 1, 2, 3]
    assert run.stats().rollout_count == 4


def test_a_report_that_fails_raises_or_is_logged(new_run, caplog):
    run = new_run(group_size=2)
    (deal,) = DealQueue(Steps(run, 1), IDS).take(1)
    raising = SingleRollouts(run.client, run.id)
    with pytest.raises(vade.InvalidArgument, match="REWARD_OUT_OF_RULE"):
        raising.report(deal.key, 7.0)
    logging = SingleRollouts(run.client, run.id, on_error="log")
    assert logging.report(deal.key, 7.0) is None
    assert "was not reported" in caplog.text
    with pytest.raises(vade.InvalidArgument, match="'raise' or 'log'"):
        SingleRollouts(run.client, run.id, on_error="hide")


def test_settings_come_from_a_config_and_then_the_environment(monkeypatch):
    for name in ("RUN", "ADDRESS", "PREFIX", "SEED", "LEASE_TTL"):
        monkeypatch.delenv(f"VADE_{name}", raising=False)
    with pytest.raises(vade.InvalidArgument, match="set VADE_RUN"):
        AdapterSettings.of()
    monkeypatch.setenv("VADE_RUN", "from-environment")
    monkeypatch.setenv("VADE_SEED", "7")
    found = AdapterSettings.of({"prefix": "mine", "restart_ok": "true"})
    assert found == AdapterSettings(
        run="from-environment", seed=7, prefix="mine", restart_ok=True
    )
    assert AdapterSettings.of({"run": "from-config"}).run == "from-config"
    with pytest.raises(vade.InvalidArgument, match="unknown|give some of"):
        AdapterSettings.of({"rum": "typo"})
    with pytest.raises(vade.InvalidArgument, match="seed: give a number"):
        AdapterSettings.of({"seed": "x"})


def test_a_run_is_made_once_and_keeps_what_it_knows(client):
    settings = AdapterSettings(run="opened", seed=3)
    run = open_run(settings, 4, IDS, client)
    run.update_prompt("p0", evidence=vade.Evidence(1.0, 2.0))
    again = open_run(settings, 4, IDS + ["new"], client)
    assert again.prompt("p0").evidence == vade.Evidence(1.0, 2.0)
    assert again.info().prompt_count == 101
    with pytest.raises(vade.RunExists, match="group_size"):
        open_run(settings, 8, IDS, client)


def test_ids_are_found_in_rows_and_have_to_be_unique():
    rows = [{"extra": {"index": i}} for i in range(3)]
    assert ids_of(rows, "extra.index") == ["0", "1", "2"]
    with pytest.raises(vade.InvalidArgument, match="rows.2.*rows.0."):
        ids_of(rows[:2] + rows[:1], "extra.index")
    with pytest.raises(vade.InvalidArgument, match="'extra.number'"):
        ids_of(rows, "extra.number")
    assert content_id({"a": 1, "b": 2}) == content_id({"b": 2, "a": 1})
    assert content_id("x") != content_id("y")


def test_a_deal_without_a_place_says_what_to_give():
    with pytest.raises(TypeError, match="give ids="):
        Deal(0, "1-1", "p0", 8).__index__()
