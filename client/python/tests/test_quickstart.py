"""The first example that a new user runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import vade

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
sys.path.insert(0, str(EXAMPLES))

import quickstart  # noqa: E402


def run_quickstart(
    *arguments: str, address: str | None = None
) -> subprocess.CompletedProcess[str]:
    """As a user does, with the package that is tested here.

    Args:
        address: VADE_ADDRESS. None: it is not set.
    """
    package = str(Path(vade.__file__).resolve().parent.parent)
    paths = [package, os.environ.get("PYTHONPATH", "")]
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    environment.pop("VADE_ADDRESS", None)
    if address is not None:
        environment["VADE_ADDRESS"] = address
    return subprocess.run(
        [sys.executable, str(EXAMPLES / "quickstart.py"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_it_trains_on_a_server_and_shows_what_the_server_knows(
    server: vade.LocalServer, client: vade.Client
) -> None:
    done = run_quickstart(
        *("--address", server.address, "--run", "quick", "--steps", "4")
    )
    assert done.returncode == 0, done.stderr
    stats = client.run("quick").stats()
    rollouts = 4 * quickstart.BATCH_SIZE * 8
    assert stats.rollout_count + stats.failed_rollout_count == rollouts
    assert 0 < stats.failed_rollout_count < rollouts / 10
    assert stats.group_count == stats.batch_count * quickstart.BATCH_SIZE
    egr = f"effective gradient ratio   {stats.effective_gradient_ratio:.3f}"
    assert egr in done.stdout
    assert (
        f"pass rate of the rollouts  {stats.mean_pass_rate:.3f}" in done.stdout
    )
    assert f"counted by the server: {rollouts}\n" in done.stdout
    assert len(re.findall(r"alpha +\d+\.\d\d   beta", done.stdout)) == 5


def test_without_an_address_it_takes_the_environments_or_a_server_of_its_own(
    server: vade.LocalServer, client: vade.Client
) -> None:
    named = ["--steps", "1", "--run", "quick-named"]
    for done in (
        run_quickstart("--steps", "1"),
        run_quickstart(*named, address=server.address),
    ):
        assert done.returncode == 0, done.stderr
        assert "counted by the server: 512\n" in done.stdout
    assert client.get_run("quick-named").stats().group_count == 64


def test_what_is_wrong_is_told_in_one_line(
    server: vade.LocalServer, client: vade.Client
) -> None:
    client.create_run("taken")
    nobody = run_quickstart("--address", "127.0.0.1:1")
    taken = run_quickstart("--address", server.address, "--run", "taken")
    for done, text in (
        (nobody, "is a vade-server running there?"),
        (taken, "RUN_EXISTS"),
    ):
        assert done.returncode == 1
        assert done.stderr.startswith("quickstart: ")
        assert done.stderr.count("\n") == 1
        assert text in done.stderr
    wrong = run_quickstart("--steps", "0")
    assert wrong.returncode == 2
    assert "--steps: give 1 or more; got 0" in wrong.stderr


def test_a_rollout_that_was_not_counted_once_is_found(
    client: vade.Client,
) -> None:
    run = client.create_run("quick-books", seed=1)
    run.import_prompts(quickstart.made_up_prompts())
    quickstart.train(run, 1)
    assert quickstart.books_agree(run, 1)
    assert not quickstart.books_agree(run, 2)
    batch = run.batch(next(iter(run.batches())))
    run.report(batch, batch.groups[0].prompt, [1.0], indices=[0])
    assert run.stats().duplicate_rollout_count == 1
    assert not quickstart.books_agree(run, 1)


def test_only_groups_with_two_rewards_teach() -> None:
    learner = quickstart.Learner()
    learner.learn([[0.0, 0.0], [1.0, 1.0], [None, 1.0], [None, None]])
    assert learner.skill == 0
    learner.learn([[0.0, 1.0], [0.0, 0.0]])
    assert learner.skill > 0
