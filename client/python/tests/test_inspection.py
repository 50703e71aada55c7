"""Tables and plots of runs."""

from __future__ import annotations

import asyncio
import random
import sys

import pytest

import vade
from vade import plot, to_pandas


@pytest.fixture(scope="module")
def trained(server):
    """A run of 40 steps, and its statistics at some of them."""
    rng = random.Random(4)
    with server.client() as client:
        run = client.create_run("inspected", group_size=4, seed=9)
        run.import_prompts(
            vade.Prompt(f"p{i}", {"i": i}, {"source": "ab"[i % 2]})
            for i in range(60)
        )
        history = [run.stats()]
        for step in range(40):
            batch = run.next_batch(6, request_id=f"step-{step}")
            groups = [
                (p, [float(rng.randrange(60) < int(p.id[1:])) for _ in "1234"])
                for p in batch
            ]
            run.report_groups(batch, groups)
            if step % 8 == 0:
                history.append(run.stats())
        yield run, history


def test_prompts_are_a_table_by_id(trained):
    pytest.importorskip("pandas")
    run, _ = trained
    frame = to_pandas(run)
    assert list(frame.index) == [f"p{i}" for i in range(60)]
    assert "payload" not in frame.columns and "labels" not in frame.columns
    assert set(frame["label.source"]) == {"a", "b"}
    info = run.prompt("p7")
    row = frame.loc["p7"]
    assert (row.alpha, row.beta) == (info.evidence.alpha, info.evidence.beta)
    assert row.posterior_mean == info.posterior_mean
    assert frame.deal_count.sum() == 240
    assert frame.in_flight.dtype == bool
    hardest = to_pandas(run.prompts(order_by="posterior_mean"))
    assert hardest.posterior_mean.is_monotonic_increasing
    with_payloads = to_pandas(run, payloads=True)
    assert with_payloads.payload["p3"] == b'{"i":3}'
    assert run.to_pandas().equals(frame)
    assert run.to_pandas(payloads=True).equals(with_payloads)
    assert run_async(run, "to_pandas").equals(frame)
    assert run_async(run, "to_pandas", payloads=True).equals(with_payloads)


def test_other_records_are_tables_too(trained):
    pytest.importorskip("pandas")
    run, history = trained
    series = to_pandas(run.stats())
    assert series.deal_count.sum() == 240
    batches = to_pandas(run.batches())
    assert len(batches) == 40 and set(batches.batch_size) == {6}
    batch = run.next_batch(6, request_id="step-39")
    assert list(to_pandas(batch).index) == [prompt.id for prompt in batch]
    groups = to_pandas(run.batch(batch).groups)
    assert list(groups.index) == [prompt.id for prompt in batch]
    assert set(groups.reward_count) == {4}
    runs = to_pandas(run.client.list_runs())
    assert runs.loc["inspected"].prompt_count == 60
    assert len(to_pandas(history)) == len(history)
    assert len(to_pandas([])) == 0
    for wrong in ("run", 7, [1, 2], [vade.Batch]):
        with pytest.raises(vade.InvalidArgument, match="source"):
            to_pandas(wrong)


def run_async(run, method, **arguments):
    """The same method of the asyncio client."""

    async def call():
        async with vade.aio.Client(run.client.address) as client:
            return await getattr(client.run(run.id), method)(**arguments)

    return asyncio.run(asyncio.wait_for(call(), 60))


def panels(figure):
    return {axes.get_title().split(":")[0]: axes for axes in figure.axes}


def test_a_plot_shows_what_the_statistics_say(trained):
    pytest.importorskip("matplotlib")
    run, _ = trained
    stats = run.stats()
    figure = run.plot()
    found = panels(figure)
    bars = found["posterior mean pass rate of the prompts"].patches
    assert sum(bar.get_height() for bar in bars) == 60
    egr = found["effective gradient ratio"]
    assert f"{stats.effective_gradient_ratio:.1%}" in egr.get_title()
    lines = {line.get_label(): line for line in egr.get_lines()}
    assert set(lines) == {"expected", "observed", "mean success"}
    shares = lines["observed"].get_ydata()
    mean = sum(shares) / len(shares)
    assert mean == pytest.approx(stats.effective_gradient_ratio)
    points = found["calibration"].collections[0].get_offsets()
    filled = [one for one in stats.calibration if one.rollout_count]
    assert [tuple(point) for point in points] == [
        (one.predicted_pass_rate, one.observed_pass_rate) for one in filled
    ]
    deals = sum(
        bar.get_height() for bar in found["dealt at least once"].patches
    )
    assert deals == 240 - round(stats.ever_dealt_share * 60)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert panels(run_async(run, "plot")).keys() == found.keys()


def test_statistics_of_several_times_show_how_pass_rates_moved(trained):
    pytest.importorskip("matplotlib")
    _, history = trained
    figure = plot(list(reversed(history)))
    first = panels(figure)["posterior mean pass rate of the prompts"]
    (mesh,) = first.collections
    shares = mesh.get_array().reshape(20, len(history))
    sums = shares.sum(axis=0).tolist()
    assert sums == pytest.approx([1.0] * len(history))
    # At first nothing is known, and all are at 1/2.
    assert shares[10, 0] == 1.0
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_run_without_rewards_can_be_plotted(new_run):
    pytest.importorskip("matplotlib")
    for run in (new_run(), new_run(prompts=0)):
        assert plot(run.stats())._repr_png_().startswith(b"\x89PNG")
        assert plot([run.stats()] * 3)._repr_png_().startswith(b"\x89PNG")


def test_what_is_no_history_of_one_run_is_refused(trained, new_run):
    pytest.importorskip("matplotlib")
    run, history = trained
    for wrong in ([], "run", 7, [run], [history[0], new_run().stats()]):
        with pytest.raises(vade.InvalidArgument, match="source"):
            plot(wrong)


def test_what_is_not_installed_is_named(trained, monkeypatch):
    run, _ = trained
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        to_pandas(run)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        plot(run)
