"""The asyncio client: the same methods, the same promises."""

from __future__ import annotations

import asyncio
import inspect
import pickle

import pytest
from proxy import Proxy

import vade
import vade.aio

PAIRS = [
    (vade.Client, vade.aio.Client),
    (vade.Run, vade.aio.Run),
    (vade.Reporter, vade.aio.Reporter),
]


def public(cls):
    return {
        name: member
        for name, member in vars(cls).items()
        if not name.startswith("_")
    }


def shape(function):
    """Names, kinds, defaults and annotations of all parameters."""
    return [
        (p.name, p.kind, p.default, p.annotation)
        for p in inspect.signature(function).parameters.values()
    ]


@pytest.mark.parametrize(("threads", "tasks"), PAIRS)
def test_both_clients_have_the_same_methods_and_arguments(threads, tasks):
    assert public(threads).keys() == public(tasks).keys()
    assert shape(threads.__init__) == shape(tasks.__init__)
    for name, member in public(threads).items():
        other = public(tasks)[name]
        assert isinstance(member, property) == isinstance(other, property)
        if isinstance(member, property):
            continue
        expected = shape(member)
        if name == "import_prompts":
            # It takes what comes asynchronously, too.
            expected = [
                p[:3] + (p[3].replace("]", "] | AsyncIterable[PromptLike]"),)
                if p[0] == "prompts"
                else p
                for p in expected
            ]
        assert shape(other) == expected, name
        waits = inspect.iscoroutinefunction(other)
        streams = inspect.isasyncgenfunction(other)
        local = name in ("run", "reporter")
        assert (waits or streams) != local, name
        assert streams == inspect.isgeneratorfunction(member), name
        assert inspect.getdoc(other), name


def run_async(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 60))


def test_a_whole_life_in_asyncio(server):
    async def rows():
        for i in range(50):
            yield (f"p{i}", {"i": i})

    async def life():
        async with vade.aio.Client(server.address) as client:
            await client.wait_until_serving()
            run = await client.create_run("aio-life", group_size=2, seed=1)
            assert (await run.import_prompts(rows())).created_count == 50
            assert (await run.import_prompts(["p0", "x"])).created_count == 1
            batch = await run.next_batch(10, request_id="step-1", payloads=True)
            assert batch[0].json() == {"i": int(batch[0].id[1:])}
            await run.renew(batch, lease_ttl=60)
            await run.release(batch, [batch[9]])
            result = await run.report_groups(
                batch, [(p, [1, 0]) for p in batch[:8]]
            )
            assert result.completed_group_count == 8
            await run.report(batch, batch[8], [1], indices=[1], final=True)
            assert (await run.batch(batch)).state == "completed"
            assert [b.id async for b in run.batches()] == [batch.id]
            assert len([p async for p in run.prompts()]) == 51
            solved = [p async for p in run.prompts(order_by="evidence desc")]
            assert solved[0].evidence == vade.Evidence(1.0, 1.0)
            assert (await run.prompt(batch[0])).rollout_count == 2
            async for stats in run.watch():
                assert stats.rollout_count == 17
                break
            assert "aio-life" in [r.id async for r in client.list_runs()]
            assert (await run.update(group_size=3)).group_size == 3
            await run.delete_prompt("x")
            with pytest.raises(vade.PromptNotFound):
                await run.prompt("x")
            await run.delete()
            with pytest.raises(vade.RunNotFound):
                await client.get_run("aio-life")

    run_async(life())


def test_one_client_serves_one_loop_after_another(server, run):
    client = pickle.loads(pickle.dumps(vade.aio.Client(server.address)))
    far = client.run(run.id)

    async def ask():
        counts = [far.info() for _ in range(20)]
        infos = await asyncio.gather(*counts)
        await client.close()
        return {info.prompt_count for info in infos}

    assert run_async(ask()) == {100}
    assert run_async(ask()) == {100}


def test_a_lost_answer_is_repeated_in_asyncio(server, run):
    async def sample():
        with Proxy(server.address) as proxy:
            async with vade.aio.Client(proxy.address) as client:
                far = client.run(run.id)
                await far.info()
                proxy.lose_answers = True
                task = asyncio.create_task(far.next_batch(10))
                async with vade.aio.Client(server.address) as near:
                    async for stats in near.run(run.id).watch(interval=0.1):
                        if stats.batch_count == 1:
                            break
                proxy.lose_answers = False
                proxy.cut()
                return await task

    batch = run_async(sample())
    assert batch.repeated_request and run.info().batch_count == 1


def test_a_reporter_of_tasks_sends_few_calls_and_names_the_wrong(run, server):
    batch = run.next_batch(32)
    told = []

    async def work():
        async with vade.aio.Client(server.address) as client:
            far = client.run(run.id)
            async with far.reporter(
                max_delay=60, on_error=told.append
            ) as reporter:
                handles = []
                for prompt in batch:
                    for i in range(8):
                        handles.append(
                            await reporter.report(
                                batch, prompt, [i % 2], indices=[i]
                            )
                        )
                bad = await reporter.report(
                    batch.id, "stranger", [1], indices=[0]
                )
                with pytest.raises(vade.ReportsRefused) as caught:
                    await reporter.flush()
                assert caught.value.refused[0].prompt == "stranger"
                with pytest.raises(vade.PromptNotInBatch):
                    await bad
                assert all(handle.done() for handle in handles)
                assert reporter.waiting_count == 0
            with pytest.raises(vade.FailedPrecondition):
                await reporter.report(batch, batch[0], [1] * 8)

    run_async(work())
    assert len(told) == 1
    assert run.stats().rollout_count == 256


def test_a_reporter_of_tasks_waits_for_a_server_that_is_away(run, server):
    batch = run.next_batch(3)

    async def work():
        with Proxy(server.address) as proxy:
            proxy.refuse = True
            async with vade.aio.Client(proxy.address, timeout=0.2) as client:
                reporter = client.run(run.id).reporter(
                    max_rollouts=8, max_waiting=16
                )
                for prompt in batch[:2]:
                    await reporter.report(batch, prompt, [1] * 8)
                with pytest.raises(vade.Unavailable, match="go on waiting"):
                    await reporter.flush()
                with pytest.raises(vade.DeadlineExceeded):
                    await reporter.report(batch, batch[2], [1] * 8)
                proxy.refuse = False
                await client.wait_until_serving()
                while reporter.waiting_count:
                    try:
                        await reporter.flush(timeout=20)
                    except vade.Unavailable:
                        pass
                await reporter.close()
                proxy.refuse = True
                proxy.cut()
                lost = client.run(run.id).reporter()
                handle = await lost.report(batch, batch[2], [1] * 8)
                with pytest.raises(vade.Unavailable):
                    await lost.close()
                with pytest.raises(vade.Unavailable):
                    await handle

    run_async(work())
    assert run.stats().rollout_count == 16


def test_an_outage_in_asyncio_goes_on_locally(own_server, tmp_path):
    outage = vade.Local(journal=tmp_path / "journal", patience=0.05)

    async def work():
        async with vade.aio.Client(
            own_server.address, on_outage=outage
        ) as client:
            run = await client.create_run("aio-away")
            await run.import_prompts(["a", "b"])
            batch = await run.next_batch(1)
            own_server.stop()
            result = await run.report(batch, batch[0], [1] * 8)
            assert result.journaled_count == 8
            assert (await run.next_batch(2)).local
            assert client.outage.down
            own_server.start()
            assert await client.replay_journal() == 8
            assert (await run.stats()).rollout_count == 8
            assert not client.outage.down

    run_async(work())
