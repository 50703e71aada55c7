"""Runs, prompts, batches and rewards against a real server."""

from __future__ import annotations

import json
import math
import pickle
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

import vade


def test_all_settings_of_a_run_come_back_as_given(client):
    settings = dict(
        policy="mopps",
        group_size=4,
        seed=2**63 + 5,
        reward_rule=vade.RewardThreshold(0.5),
        display_name="Grade school",
        selected_decay=0.25,
        unselected_decay=0.75,
        reference_batch_size=16,
        cooldown=1.5,
        target_pass_rate=0.25,
        lease_ttl=timedelta(minutes=2),
        starting_evidence=vade.StartingEvidence(0.5, 8.0),
        retained_deals=1000,
        retention_age=3600,
    )
    info = client.create_run("all-settings", **settings).info()
    settings["lease_ttl"] = 120.0
    assert {name: getattr(info, name) for name in settings} == settings
    assert info.id == "all-settings"
    assert info.clock == 0.0 and info.prompt_count == 0
    assert info.create_time.tzinfo is timezone.utc


def test_making_a_run_again_with_the_same_settings_is_allowed(client):
    client.create_run("twice", group_size=4)
    with pytest.raises(vade.RunExists, match="exist_ok"):
        client.create_run("twice", group_size=4)
    again = client.create_run("twice", group_size=4, exist_ok=True)
    assert again.info().group_size == 4
    with pytest.raises(vade.RunExists, match="differs in group_size"):
        client.create_run("twice", group_size=8, exist_ok=True)


def test_runs_are_listed_found_changed_and_deleted(client):
    run = client.create_run("life")
    assert "life" in [info.id for info in client.list_runs()]
    assert client.get_run("runs/life").id == "life"
    etag = run.info().etag
    info = run.update(group_size=3, lease_ttl=60, etag=etag)
    assert (info.group_size, info.lease_ttl) == (3, 60.0)
    with pytest.raises(vade.EtagMismatch):
        run.update(group_size=4, etag=etag)
    with pytest.raises(vade.InvalidArgument, match="at least one setting"):
        run.update()
    run.delete()
    with pytest.raises(vade.RunNotFound, match="create_run") as caught:
        client.get_run("life")
    assert caught.value.reason == "RUN_NOT_FOUND"
    assert caught.value.code == "NOT_FOUND"
    run.delete(missing_ok=True)
    with pytest.raises(vade.RunNotFound):
        run.delete()


def test_prompts_are_imported_in_every_form(client):
    run = client.create_run("forms")
    told = []
    result = run.import_prompts(
        [
            "plain",
            ("text", "What is 2 + 2?"),
            ("bytes", b"\x00\xff"),
            {"id": "row", "payload": {"a": [1, "ü"]}, "labels": {"k": "v"}},
            vade.Prompt(
                "whole",
                labels={"k": "w"},
                disabled=True,
                starting_evidence=vade.StartingEvidence(0.25, 8),
            ),
        ],
        progress=told.append,
    )
    assert result == vade.ImportResult(created_count=5)
    assert result.count == 5 and told == [result]
    found = {p.id: p for p in run.prompts(payloads=True)}
    assert list(found) == ["plain", "text", "bytes", "row", "whole"]
    assert found["plain"].payload == b""
    assert found["text"].payload == b"What is 2 + 2?"
    assert found["bytes"].payload == b"\x00\xff"
    assert found["row"].json() == {"a": [1, "ü"]}
    assert found["whole"].disabled
    assert found["whole"].evidence == vade.Evidence(2.0, 6.0)
    assert [p.id for p in run.prompts(labels={"k": ["v", "w"]})] == [
        "row",
        "whole",
    ]
    again = run.import_prompts(["plain", "new"], existing="skip")
    assert (again.created_count, again.skipped_count) == (1, 1)
    with pytest.raises(vade.AlreadyExists):
        run.import_prompts(["plain"], existing="fail")


def test_a_large_import_goes_in_several_uploads(client):
    run = client.create_run("large")
    told = []
    result = run.import_prompts(
        (f"p{i}" for i in range(45_000)), progress=told.append
    )
    assert result.created_count == 45_000
    assert [t.created_count for t in told] == [20_000, 40_000, 45_000]
    assert sum(1 for _ in run.prompts()) == 45_000
    ids = [f"p{i}" for i in range(0, 45_000, 17)]
    assert [p.id for p in run.prompts_by_id(ids)] == ids


@pytest.mark.parametrize(
    ("prompt", "match"),
    [
        (7, r"prompts\[1\]"),
        ("", r"prompts\[1\].id"),
        ({"question": "?"}, "unknown: question"),
        ({"payload": "no id"}, "'id' always"),
        (("a", object()), r"prompts\[1\].payload"),
        (vade.Prompt("a", labels={"k": 1}), "labels of str"),
    ],
)
def test_a_wrong_prompt_is_named_by_its_place(run, prompt, match):
    with pytest.raises(vade.InvalidArgument, match=match):
        run.import_prompts(["fine", prompt])
    with pytest.raises(vade.PromptNotFound):
        run.prompt("fine")


def test_a_prompt_is_read_changed_and_deleted(run):
    info = run.update_prompt(
        "p7",
        payload={"q": 1},
        labels={"source": "new"},
        disabled=True,
        evidence=vade.Evidence(1.5, 2.5),
    )
    assert info.labels == {"source": "new"} and info.disabled
    assert info.evidence == vade.Evidence(1.5, 2.5)
    assert run.prompt(info, payload=True).json() == {"q": 1}
    assert [p.id for p in run.prompts(view="disabled")] == ["p7"]
    first = next(run.prompts(order_by="evidence desc"))
    assert first.id == "p7"
    run.delete_prompt("p7")
    with pytest.raises(vade.PromptNotFound):
        run.prompt("p7")
    with pytest.raises(vade.InvalidArgument, match="at least one of"):
        run.update_prompt("p8")


def test_a_batch_says_why_each_prompt_was_picked(new_run):
    run = new_run(group_size=4)
    run.import_prompts([(f"p{i}", {"i": i}) for i in range(100)])
    batch = run.next_batch(8, payloads=True, lease_ttl=60)
    assert len(batch) == batch.batch_size == 8
    assert batch.group_size == 4 and batch.run == run.id
    assert not batch.local and not batch.repeated_request
    left = batch.expire_time - datetime.now(timezone.utc)
    assert timedelta(0) < left <= timedelta(seconds=61)
    assert [p.score for p in batch] == sorted(
        (p.score for p in batch), reverse=True
    )
    for prompt in batch:
        assert prompt.score == pytest.approx(
            prompt.draw * (1 - prompt.draw) ** 2
        )
        assert prompt.json() == {"i": int(prompt.id[1:])}
    assert batch[0] is batch.prompts[0] and batch[-2:] == batch.prompts[-2:]
    assert pickle.loads(pickle.dumps(batch)) == batch


def test_evidence_follows_the_formula_whatever_the_split(new_run):
    for split in ("whole", "single"):
        run = new_run(prompts=1)
        run.update_prompt("p0", evidence=vade.Evidence(2.7, 5.3))
        batch = run.next_batch(1)
        rewards = [1, 0, 1, 0, 1, 0, 1, 0]
        if split == "whole":
            result = run.report(batch, "p0", rewards)
            assert result.completed_group_count == 1
        else:
            for i in reversed(range(8)):
                run.report(batch, "p0", [rewards[i]], indices=[i])
        evidence = run.prompt("p0").evidence
        assert evidence.alpha == pytest.approx(4.54)
        assert evidence.beta == pytest.approx(5.06)


def test_a_whole_batch_is_reported_in_every_form(new_run):
    run = new_run(prompts=64)
    groups = np.zeros((4, 8))
    groups[:, :3] = 1
    batch = run.next_batch(4)
    result = run.report_groups(batch, zip(batch, groups))
    assert result.accepted_count == 32 and result.completed_group_count == 4
    batch = run.next_batch(4)
    run.report_groups(batch, {p.id: [1.0] * 8 for p in batch})
    batch = run.next_batch(4)
    report = [vade.GroupReport(p, [1, None, 0], (5, 6, 7)) for p in batch]
    result = run.report_groups(batch.id, report)
    assert (result.accepted_count, result.failed_count) == (8, 4)
    stats = run.stats()
    assert stats.rollout_count == 72 and stats.failed_rollout_count == 4
    assert stats.group_count == 8
    assert stats.effective_gradient_ratio == 0.5


def test_failed_rollouts_complete_a_group_and_are_no_evidence(new_run):
    run = new_run(prompts=1)
    batch = run.next_batch(1)
    result = run.report(batch, "p0", [1, 1, 1, 0, 0], failed=[0, 3, 6])
    assert (result.accepted_count, result.failed_count) == (5, 3)
    assert result.completed_group_count == 1
    assert run.prompt("p0").evidence == vade.Evidence(3.0, 2.0)
    # What was left out is what the rewards did not take.
    repeat = run.report(batch, "p0", [1] * 5, indices=[1, 2, 4, 5, 7])
    assert repeat.duplicate_count == 5


def test_a_final_report_completes_a_part_of_a_group(run):
    batch = run.next_batch(1)
    result = run.report(batch, batch[0], [1, 0], final=True)
    assert result.completed_group_count == 1
    assert run.batch(batch).state == "completed"


@pytest.mark.parametrize(
    ("rewards", "options", "match"),
    [
        ([1.0, math.nan] + [0] * 6, {}, r"rewards\[1\].*failed"),
        ([math.inf] + [0] * 7, {}, r"rewards\[0\]: give a finite"),
        ([1, 0], {}, "all 8 rollouts.*indices="),
        ([1] * 9, {}, "group_size is 8"),
        ([1], {"indices": [8]}, r"indices\[0\]: give 0 to 7"),
        ([1], {"indices": [0, 1]}, "one index for each of the 1 rewards"),
        ([1, 1], {"indices": [2, 2]}, "each place in the group once"),
        ([1], {"indices": [2], "failed": [2]}, "not both"),
        (["a"] * 8, {}, "one number a rollout"),
        ([[1, 0]] * 8, {}, "one number a rollout"),
        ("10101010", {}, "a list or an array"),
        (1.0, {}, "a list or an array"),
        ([], {"indices": []}, "at least one rollout"),
        ([2.0] * 8, {}, "REWARD_OUT_OF_RULE"),
    ],
)
def test_a_wrong_report_names_argument_value_and_fix(
    run, rewards, options, match
):
    batch = run.next_batch(1)
    with pytest.raises(vade.InvalidArgument, match=match):
        run.report(batch, batch[0], rewards, **options)
    assert run.batch(batch).groups[0].reward_count == 0


def test_an_unknown_argument_is_refused(run):
    with pytest.raises(TypeError, match="group_sise"):
        run.client.create_run("typo", group_sise=8)


def test_a_request_id_names_one_batch_and_its_shards(run):
    whole = run.next_batch(10, request_id="step-1")
    again = run.next_batch(10, request_id="step-1")
    assert again.prompts == whole.prompts and again.repeated_request
    parts = [
        run.next_batch(10, request_id="step-1", shard=(rank, 4))
        for rank in range(4)
    ]
    assert sum((p.prompts for p in parts), ()) == whole.prompts
    with pytest.raises(vade.InvalidArgument, match="request_id too"):
        run.next_batch(10, shard=(0, 4))
    with pytest.raises(vade.InvalidArgument, match="give 0 to 3"):
        run.next_batch(10, request_id="step-1", shard=(4, 4))


def test_too_few_prompts_say_whether_waiting_helps(run):
    with pytest.raises(vade.PoolTooSmall) as caught:
        run.next_batch(101)
    assert caught.value.metadata["total"] == "100"
    run.next_batch(95)
    with pytest.raises(vade.NotEnoughEligible, match="max_wait") as caught:
        run.next_batch(10)
    assert caught.value.metadata["eligible"] == "5"
    assert len(run.next_batch(10, min_batch_size=1)) == 5
    with pytest.raises(vade.NotEnoughEligible):
        run.next_batch(1, max_wait=0.01)


def test_a_lease_is_renewed_released_and_listed(run):
    batch = run.next_batch(4, lease_ttl=60)
    renewed = run.renew(batch, lease_ttl=3600)
    assert renewed.expire_time > batch.expire_time
    assert [b.id for b in run.batches(state="in_flight")] == [batch.id]
    assert run.release(batch, [batch[0]]).in_flight_count == 3
    released = run.release(batch)
    assert released.state == "released" and released.end_time is not None
    with pytest.raises(vade.BatchNotInFlight, match="renew before"):
        run.renew(batch)
    states = [group.state for group in run.batch(batch.id).groups]
    assert states == ["released"] * 4
    with pytest.raises(vade.InvalidArgument, match="at least one"):
        run.release(batch, [])


def test_a_watch_shows_the_state_at_once(run):
    watch = run.watch(interval=0.1)
    first = next(watch)
    assert first.run == run.id and first.prompt_count == 100
    run.next_batch(5)
    assert next(watch).in_flight_prompt_count == 5
    watch.close()


def test_an_array_of_torch_is_taken_as_it_is(run):
    torch = pytest.importorskip("torch")
    batch = run.next_batch(2)
    rewards = torch.zeros(2, 8)
    rewards[0, 0] = 1
    result = run.report_groups(batch, zip(batch, rewards))
    assert result.zero_variance_group_count == 1


def test_an_error_can_be_pickled(run):
    with pytest.raises(vade.PoolTooSmall) as caught:
        run.next_batch(1000)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is vade.PoolTooSmall
    assert str(copy) == str(caught.value)
    assert copy.metadata == caught.value.metadata
    assert json.dumps(dict(copy.metadata))
