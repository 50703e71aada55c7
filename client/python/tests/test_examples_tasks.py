"""The examples' tasks, tables and command lines."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import vade

torch = pytest.importorskip("torch", reason="the examples need PyTorch")

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
sys.path.insert(0, str(EXAMPLES))

import arithmetic_grpo  # noqa: E402
import gsm8k_templates  # noqa: E402
from arithmetic_grpo import Arithmetic  # noqa: E402
from comparison import read_results, table  # noqa: E402
from gsm8k_templates import ExpressionPolicy, Gsm8k  # noqa: E402
from rollout_workers import seeded  # noqa: E402
from training import Point, Result, Settings  # noqa: E402

_TINY = [
    *("--seeds", "1", "--rollouts", "64", "--batch-size", "8"),
    *("--group-size", "4", "--warm-start-steps", "2"),
]


def row(question: str, answer: float) -> dict[str, str]:
    return {"question": question, "answer": f"<<1=1>>\n#### {answer}"}


APPLES = row("Tom has 3 apples, eats 2 and buys half a dozen. All?", 3.5)


def write_questions(path: Path, count: int) -> Path:
    """Questions of two numbers, and one that has none."""
    rows = [
        row(f"A has {i % 50 + 1}, B {i // 50 + 2}.", i) for i in range(count)
    ]
    rows.append(row("How many are there?", 1))
    path.write_text("".join(json.dumps(x) + "\n" for x in rows))
    return path


# ---- arithmetic


@pytest.mark.parametrize(
    ("question", "right"),
    [(" 47+  5=", "25."), ("100- 99=", "1."), (" 12* 12=", "441.")],
)
def test_right_answers_have_their_units_first(
    question: str, right: str
) -> None:
    assert arithmetic_grpo.answer(question) == right


def test_only_the_whole_right_answer_is_rewarded() -> None:
    class Fixed(torch.nn.Module):
        """Says 52, then 5, then goes on without an end."""

        def forward(self, symbols, past=None):  # type: ignore[no-untyped-def]
            step = 0 if past is None else past
            texts = ["25.00", "5.000", "25000"]
            wanted = [arithmetic_grpo.encode(text)[step] for text in texts]
            logits = torch.full((3, 1, 16), -1e9)
            logits[range(3), 0, wanted] = 0
            return logits, step + 1

    rows = [[" 47+  5="]] * 3
    _, rewards = Arithmetic().roll_out(Fixed(), rows, 1, seeded(1))
    assert rewards[:, 0].tolist() == [1, 0, 0]


def test_symbols_after_the_end_do_not_count() -> None:
    task = Arithmetic(width=16, layers=1, heads=2)
    policy = task.new_policy(1)
    answers = [arithmetic_grpo.encode(x) for x in ("25.00", "25.99", "26.00")]
    logs = task.log_probabilities(
        policy, [[" 47+  5="]], torch.tensor([answers])
    )[0].tolist()
    assert logs[0] == pytest.approx(logs[1], abs=1e-6)
    assert logs[0] != pytest.approx(logs[2], abs=1e-6)


def test_reading_on_gives_the_logits_of_reading_all() -> None:
    policy = Arithmetic().new_policy(1)
    symbols = torch.tensor([arithmetic_grpo.encode(" 47+  5=25.")])
    at_once, _ = policy(symbols)
    _, past = policy(symbols[:, :8])
    for place in (8, 9, 10):
        logits, past = policy(symbols[:, place : place + 1], past)
        assert torch.allclose(logits[:, 0], at_once[:, place], atol=1e-5)


def test_nothing_held_out_is_in_the_pool() -> None:
    pool, held_out = Arithmetic()._texts()
    assert (len(pool), len(held_out)) == (2000, 400)
    assert not pool.keys() & held_out.keys()
    assert len({prompt.id for prompt in Arithmetic().prompts()}) == 2000


# ---- GSM8K


def test_numbers_are_found_as_digits_and_as_words() -> None:
    words, places, values = gsm8k_templates.parse(APPLES["question"])
    assert values == [3, 2, 0.5, 12]
    assert gsm8k_templates.parse("It costs $1,250.50, no more")[2][0] == 1250.5
    assert len(words) > max(places)


def test_the_search_finds_expressions_with_the_right_answer() -> None:
    question = row("Tom has 7 bags of 5 and loses 4", 31)
    found = gsm8k_templates.expressions(question)
    assert [6, 0, 3, 1, 2, 2, 0, 0] in found
    policy = Gsm8k(Path("unused")).new_policy(1)
    assert isinstance(policy, ExpressionPolicy)
    actions = torch.tensor(found)
    _, _, values = policy.write([question], len(found), actions=actions)
    assert values.tolist() == [31] * len(found)
    assert gsm8k_templates.expressions(row("Only 3 and 4", 1000)) == []


def test_a_right_expression_is_rewarded_and_a_wrong_one_is_not() -> None:
    task = Gsm8k(Path("unused"))
    question = row("A has 6, B 2", 3)
    actions, rewards = task.roll_out(
        task.new_policy(1), [question], 500, seeded(1)
    )
    right = gsm8k_templates.expressions(question)
    for steps, reward in zip(actions[0].tolist(), rewards[0].tolist()):
        assert reward == (steps in right)
    assert 0 < rewards.mean() < 1


@pytest.mark.parametrize("text", ["A has 6, B 2", APPLES["question"]])
def test_the_chances_of_all_expressions_sum_to_one(text: str) -> None:
    task = Gsm8k(Path("unused"))
    numbers = sum(x != 0 for x in gsm8k_templates.parse(text)[2])
    actions = torch.cat(gsm8k_templates._all_actions(numbers))
    with torch.no_grad():
        logs = task.log_probabilities(
            task.new_policy(2), [row(text, 1)], actions[None]
        )
    assert logs.exp().sum().item() == pytest.approx(1, abs=1e-3)


def test_a_row_that_is_no_question_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"question": "1?", "answer": "#### 1"}\n{"text": ""}\n')
    with pytest.raises(ValueError, match="rows.jsonl:2: .*question and answer"):
        gsm8k_templates.read_questions(path)


def test_too_few_questions_are_refused(tmp_path: Path) -> None:
    path = write_questions(tmp_path / "few.jsonl", 10)
    with pytest.raises(ValueError, match="2000 questions .* it has 10"):
        Gsm8k(path).prompts()


# ---- tables and command lines


def result(sampler: str, seed: int, rate: float, **changes: int) -> Result:
    points = [
        Point(0, 0, pass_rates={"held out": 0.2}),
        Point(1, 80, 10, 5, 0.6, 0.3),
        Point(2, 160, 10, 5, 0.6, 0.3, {"held out": rate}),
    ]
    settings = dataclasses.replace(Settings(rollouts=80), **changes)
    return Result(
        "t", ["held out"], sampler, seed, settings, points, 1.0, 0.5, 0.6,
        1.0, 3.0, {},
    )  # fmt: skip


def write(folder: Path, *results: Result) -> None:
    for one in results:
        path = folder / f"t-{one.sampler}-{one.seed}.json"
        path.write_text(json.dumps(dataclasses.asdict(one)))


def test_the_table_reads_pass_rates_at_equal_rollouts(tmp_path: Path) -> None:
    results = [
        result("uniform", 1, 0.4),
        result("uniform", 2, 0.6),
        result("vade", 1, 0.8),
    ]
    write(tmp_path, *results)
    assert read_results(tmp_path, "t") == results
    lines = table(results).splitlines()
    # Half way from 0.2 to 0.4 and to 0.6.
    assert lines[2].endswith("| 0.350 ± 0.071 |")
    assert lines[3].endswith("| 0.500 |")


def test_results_of_other_settings_are_refused(tmp_path: Path) -> None:
    write(
        tmp_path,
        result("uniform", 1, 0.4),
        result("vade", 1, 0.4, group_size=4),
    )
    with pytest.raises(SystemExit, match="t-vade-1.json .*another folder"):
        read_results(tmp_path, "t")


def run_example(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    package = str(Path(vade.__file__).resolve().parent.parent)
    paths = [package, os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=120,
    )


def check_output(
    done: subprocess.CompletedProcess[str], folder: Path, task: str
) -> None:
    assert done.returncode == 0, done.stderr
    for sampler in ("uniform", "vade-filtered"):
        assert f"| {sampler} |" in done.stdout
        one = json.loads((folder / f"{task}-{sampler}-1.json").read_text())
        assert one["points"][-1]["rollouts"] >= 64
    if importlib.util.find_spec("matplotlib") is None:
        assert "no plots: matplotlib is not installed" in done.stderr
    else:
        picture = (folder / f"{task}.png").read_bytes()
        assert picture.startswith(b"\x89PNG")


def test_the_arithmetic_example_runs(tmp_path: Path) -> None:
    done = run_example(
        *("arithmetic_grpo.py", "--samplers", "uniform", "vade-filtered"),
        *(*_TINY, "--out", str(tmp_path)),
    )
    check_output(done, tmp_path, "arithmetic")


def test_the_gsm8k_example_runs(tmp_path: Path) -> None:
    questions = write_questions(tmp_path / "questions.jsonl", 2000)
    done = run_example(
        *("gsm8k_templates.py", "--prompts-file", str(questions)),
        *("--samplers", "uniform", "vade-filtered"),
        *(*_TINY, "--out", str(tmp_path)),
    )
    check_output(done, tmp_path, "gsm8k")


def test_a_folder_of_other_results_is_refused_at_once(tmp_path: Path) -> None:
    one = dataclasses.replace(result("vade", 1, 0.4), task="arithmetic")
    path = tmp_path / "arithmetic-vade-1.json"
    path.write_text(json.dumps(dataclasses.asdict(one)))
    done = run_example("arithmetic_grpo.py", *_TINY, "--out", str(tmp_path))
    assert done.returncode == 2
    assert "cannot be compared; give another folder" in done.stderr
    assert "warm start" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["arithmetic_grpo.py", "--group-size", "1"], "--group-size: give 2"),
        (["arithmetic_grpo.py", "--workers", "9"], "--workers: workers share"),
        (["gsm8k_templates.py"], "required: --prompts-file"),
        (
            ["gsm8k_templates.py", "--prompts-file", "/nowhere/train.jsonl"],
            "give train.jsonl of GSM8K",
        ),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], text: str) -> None:
    done = run_example(*arguments)
    assert done.returncode == 2
    assert text in done.stderr
