"""Lost answers, killed servers and pickles."""

from __future__ import annotations

import inspect
import multiprocessing
import pickle
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from proxy import Proxy

import vade
from vade import _retry
from vade._core import Core
from vade._proto.vade.sampler.v1 import sampler_pb2


@pytest.fixture
def proxy(server):
    with Proxy(server.address) as proxy:
        yield proxy


def lose_one_answer(proxy, run, call, effect):
    """Makes `call` behind the proxy, and loses its first answer.

    `effect` tells from the statistics that the server has done the work.
    """
    with ThreadPoolExecutor(1) as pool:
        proxy.lose_answers = True
        future = pool.submit(call)
        for stats in run.watch(interval=0.1, timeout=20):
            if effect(stats):
                break
        proxy.lose_answers = False
        proxy.cut()
        return future.result(timeout=20)


def test_a_lost_answer_of_next_batch_is_not_a_lost_lease(proxy, run):
    with vade.Client(proxy.address) as client:
        far = client.run(run.id)
        far.info()
        batch = lose_one_answer(
            proxy, run, lambda: far.next_batch(10), lambda s: s.batch_count == 1
        )
    assert batch.repeated_request and len(batch) == 10
    assert run.info().batch_count == 1
    assert run.info().in_flight_prompt_count == 10


def test_a_lost_answer_of_a_report_counts_once(proxy, run):
    batch = run.next_batch(1)
    with vade.Client(proxy.address) as client:
        far = client.run(run.id)
        far.info()
        result = lose_one_answer(
            proxy,
            run,
            lambda: far.report(batch, batch[0], [1] * 8),
            lambda s: s.rollout_count == 8,
        )
    assert (result.accepted_count, result.duplicate_count) == (0, 8)
    assert run.prompt(batch[0]).evidence == vade.Evidence(8.0, 0.0)


@pytest.mark.parametrize(
    ("settings", "raises"),
    [({"group_size": 4}, None), ({"group_size": 5}, vade.RunExists)],
)
def test_a_run_found_after_a_lost_answer_is_the_answer(
    server, proxy, settings, raises
):
    # The attempt whose answer is lost finds no run; what it makes, or what
    # someone else makes meanwhile, is there when the call is repeated.
    run_id = f"lost-{settings['group_size']}"
    with server.client() as near, vade.Client(proxy.address) as far:
        near.list_runs()
        far.check_health()
        proxy.lose_answers = True
        if raises is not None:
            near.create_run(run_id, group_size=4)
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(far.create_run, run_id, **settings)
            while run_id not in [info.id for info in near.list_runs()]:
                pass
            proxy.cut()
            proxy.lose_answers = False
            if raises is None:
                assert future.result(timeout=20).info().group_size == 4
            else:
                with pytest.raises(raises):
                    future.result(timeout=20)


def test_a_refused_connection_is_unavailable_and_says_where():
    with Proxy("127.0.0.1:1") as proxy:
        proxy.refuse = True
        with vade.Client(proxy.address, timeout=0.5) as client:
            with pytest.raises(vade.Unavailable) as caught:
                client.run("r").info()
    assert proxy.address in str(caught.value)
    assert "is a vade-server running there" in str(caught.value)
    assert "gave up after" in str(caught.value)


def test_a_silent_server_ends_at_the_deadline(proxy, run):
    with vade.Client(proxy.address) as client:
        far = client.run(run.id)
        far.info()
        proxy.lose_answers = True
        with pytest.raises(vade.DeadlineExceeded):
            far.info(timeout=0.3)


def test_every_answered_rollout_counts_once_over_kills(own_server):
    with own_server.client(timeout=60) as client:
        run = client.create_run("killed", seed=1)
        run.import_prompts(f"p{i}" for i in range(64))
        batch = run.next_batch(64)
        rollouts = [(p.id, i) for p in batch for i in range(8)]
        random.Random(5).shuffle(rollouts)
        answers = []
        done = threading.Semaphore(0)

        def work(part):
            for prompt, index in part:
                reward = float(index % 2)
                answers.append(
                    run.report(batch, prompt, [reward], indices=[index])
                )
                done.release()

        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(work, rollouts[i::4]) for i in range(4)]
            for _ in range(3):
                for _ in range(100):
                    assert done.acquire(timeout=60)
                own_server.kill()
                own_server.start()
            for future in futures:
                future.result(timeout=60)
        assert len(answers) == len(rollouts) == 512
        total = sum(answers, vade.ReportResult())
        assert total.accepted_count + total.duplicate_count == 512
        stats = run.stats()
        assert stats.rollout_count == 512
        assert stats.duplicate_rollout_count == 0 or total.duplicate_count > 0
        assert {p.evidence for p in run.prompts()} == {vade.Evidence(4.0, 4.0)}


def test_the_table_of_repeats_has_every_method_once():
    methods = {
        m.name
        for m in sampler_pb2.DESCRIPTOR.services_by_name["Sampler"].methods
    }
    assert {rule.partition("(")[0] for rule in _retry.RULES} == methods
    assert not _retry.RULES["UpdateRun"].always
    assert not _retry.RULES["ImportPrompts(fail)"].always


def attempts(rule, deadline=10.0, **policy):
    clock = [0.0]
    made = _retry.Attempts(
        vade.Retry(jitter_seed=1, **policy),
        rule,
        deadline,
        random.Random(1),
        lambda: clock[0],
    )
    return made, clock


def test_pauses_grow_to_their_limit_and_end_before_the_deadline():
    made, clock = attempts("GetRun", initial_backoff=1.0, max_backoff=4.0)
    for most in (1.0, 2.0, 4.0, 4.0):
        pause = made.pause_after(vade.Unavailable("gone"))
        assert 0 < pause <= most
    clock[0] = 9.9999
    with pytest.raises(vade.Unavailable, match="after 5 attempts in 10.0 s"):
        made.pause_after(vade.Unavailable("gone"))


@pytest.mark.parametrize(
    ("rule", "error", "repeats"),
    [
        ("GetRun", vade.Unavailable("x"), True),
        ("GetRun", vade.Cancelled("x"), True),
        ("UpdateRun", vade.Unavailable("x"), False),
        (
            "UpdateRun",
            vade.Unavailable("x", reason="SERVER_DRAINING"),
            True,
        ),
        ("UpdateRun(etag)", vade.Unavailable("x"), True),
        ("SampleBatch", vade.NotEnoughEligible("x"), False),
        (
            "SampleBatch",
            vade.Overloaded("x", reason="OVERLOADED"),
            True,
        ),
        ("ImportPrompts(fail)", vade.Unavailable("x"), False),
        ("GetRun", vade.InvalidArgument("x"), False),
    ],
)
def test_only_what_is_safe_is_repeated(rule, error, repeats):
    made, _ = attempts(rule)
    if repeats:
        made.pause_after(error)
        return
    with pytest.raises(type(error)):
        made.pause_after(error)


def test_a_client_and_a_run_can_be_pickled_while_in_use(run):
    run.info()
    copy = pickle.loads(pickle.dumps(run))
    assert copy.id == run.id and copy.client is not run.client
    assert copy.info().prompt_count == 100
    copy.client.close()


def ask_with_other_size(address, run_id, size, results):
    """Runs in a process of its own."""
    with vade.Client(address) as client:
        try:
            batch = client.run(run_id).next_batch(size, request_id="step-1")
            results.put(("batch", batch.id))
        except vade.Error as error:
            results.put((type(error).__name__, str(error)))


def test_two_processes_with_one_request_id_must_ask_alike(server, run):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    for size in (8, 16):
        child = context.Process(
            target=ask_with_other_size,
            args=(server.address, run.id, size, results),
        )
        child.start()
        child.join(60)
    assert results.get(timeout=10)[0] == "batch"
    kind, text = results.get(timeout=10)
    assert kind == "RequestIdReused"
    assert "give every step a request_id of its own" in text


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"address": ""}, "address: give host:port"),
        ({"timeout": 0}, "timeout: give more than 0"),
        ({"timeout": float("nan")}, "timeout: give seconds"),
        ({"on_outage": "panic"}, "on_outage: give 'raise'"),
        ({"retry": 3}, "retry: give a vade.Retry"),
        ({"token": ""}, "token: give a str"),
        ({"tls": True}, "tls: give a vade.Tls"),
        ({"max_message_bytes": 1}, "max_message_bytes: give 4194304"),
    ],
)
def test_wrong_settings_of_a_client_are_refused(arguments, match):
    with pytest.raises(vade.InvalidArgument, match=match):
        vade.Client(**arguments)


def test_a_token_is_never_shown():
    client = vade.Client("h:1", token="secret")
    assert "secret" not in repr(client) + repr(client._settings)
    headers = dict(client._settings.call_metadata())
    assert headers == {"authorization": "Bearer secret"}


def test_the_address_comes_from_the_environment(monkeypatch):
    monkeypatch.delenv("VADE_ADDRESS", raising=False)
    assert vade.Client().address == "127.0.0.1:7447"
    monkeypatch.setenv("VADE_ADDRESS", "sampler:1234")
    assert vade.Client().address == "sampler:1234"
    assert vade.Client("here:1").address == "here:1"


def test_request_ids_of_two_clients_never_meet():
    settings = vade.Client("h:1")._settings
    ids = {Core(settings).new_request_id() for _ in range(100)}
    assert len(ids) == 100


def test_every_public_function_says_what_it_does():
    import vade.aio

    for cls in (
        vade.Client,
        vade.Run,
        vade.Reporter,
        vade.LocalServer,
        vade.aio.Client,
        vade.aio.Run,
        vade.aio.Reporter,
    ):
        for name, member in vars(cls).items():
            if not name.startswith("_") and callable(member):
                assert inspect.getdoc(member), f"{cls.__name__}.{name}"
    for name in vade.__all__:
        member = getattr(vade, name)
        if inspect.isclass(member):
            assert inspect.getdoc(member), name
