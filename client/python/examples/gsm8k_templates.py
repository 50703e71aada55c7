"""A small policy learns which expression answers a question of GSM8K.

    python gsm8k_templates.py --prompts-file train.jsonl
    python gsm8k_templates.py --prompts-file train.jsonl --samplers vade

Real questions, rewarded by their exact answers. The policy is no language
model: it reads the words with two small convolutions and writes an expression
over the numbers that it finds, such as 48 / 2 + 10: a first number, then up to
three operators, each with a further number. Questions with two to four numbers
are taken. Some four in seven have an answer of that form; the others stay in
the pool, as prompts that nobody solves are in any real one.

So small a policy learns questions by heart: the pass rate of held-out ones
hardly moves, and the pass rate to look at is that of the whole pool.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import vade
from comparison import main
from rollout_workers import seeded
from training import Settings

__all__ = ["ExpressionPolicy", "Gsm8k", "read_questions"]

_WORDS = 4096
_MOST_WORDS = 128
_MOST_NUMBERS = 4
_OPERATORS = 3
_STOP, _PLUS, _MINUS, _TIMES, _OVER, _FROM = range(6)
_START = 6
_NUMBER_WORDS = {
    **dict(half=0.5, one=1, two=2, three=3, four=4, five=5, six=6, seven=7),
    **dict(eight=8, nine=9, ten=10, twelve=12, dozen=12, twice=2, double=2),
    **dict(third=3, triple=3, thrice=3, quarter=4),
}
_TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|[a-z]+|[$%?]")

_SOURCE = "github.com/openai/grade-school-math, grade_school_math/data"

Row = dict[str, str]


def read_questions(path: Path) -> list[Row]:
    """All rows {"question": ..., "answer": ...} of a JSONL file.

    Raises:
        ValueError: A line is no such row; the text names it.
    """
    rows = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            row = json.loads(line)
            if not {"question", "answer"} <= row.keys():
                raise ValueError(
                    f"{path}:{number}: give an object with the fields "
                    f"question and answer; got {sorted(row)}"
                )
            rows.append(row)
    return rows


def right_answer(row: Row) -> float:
    """The number behind "####"."""
    return float(row["answer"].rpartition("####")[2].replace(",", ""))


def _value(token: str) -> float:
    """The number that a token is; 0: none."""
    if token[0].isdigit():
        return float(token.replace(",", ""))
    return _NUMBER_WORDS.get(token, 0.0)


@functools.lru_cache(maxsize=20_000)
def parse(question: str) -> tuple[list[int], list[int], list[float]]:
    """The question's words as numbers, and the places and values of its
    numbers, padded by zeros: a value of 0 is none."""
    words: list[int] = []
    places: list[int] = []
    values: list[float] = []
    for token in _TOKEN.findall(question.lower())[:_MOST_WORDS]:
        value = _value(token)
        if value and len(values) < _MOST_NUMBERS:
            places.append(len(words))
            values.append(value)
        shown = "#" if token[0].isdigit() else token
        # Stable over processes, which hash() of a text is not.
        words.append(
            1
            + sum(ord(c) * 31**i for i, c in enumerate(shown[:9]))
            % (_WORDS - 1)
        )
    padding = _MOST_NUMBERS - len(values)
    return words, places + [0] * padding, values + [0.0] * padding


def apply(operator: Tensor, value: Tensor, number: Tensor) -> Tensor:
    """value (operator) number, elementwise; _STOP leaves the value."""
    outcomes = torch.stack(
        [
            value,
            value + number,
            value - number,
            value * number,
            value / number,
            number - value,
        ]
    )
    return outcomes.gather(0, operator[None]).squeeze(0)


def _magnitude(values: Tensor) -> Tensor:
    """Of any number, something of order 1: sign and logarithm."""
    logs = torch.sign(values) * torch.log1p(values.abs().clamp(max=1e9)) / 5
    return logs.nan_to_num(0.0).float()


class ExpressionPolicy(nn.Module):
    """Words to a distribution over expressions of the question's numbers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self._words = nn.Embedding(_WORDS, width, padding_idx=0)
        self._near = nn.Conv1d(width, width, 5, padding=2)
        self._far = nn.Conv1d(width, width, 5, padding=4, dilation=2)
        self._numbers = nn.Linear(width + 1, width)
        self._operators = nn.Embedding(_START + 1, width)
        self._state = nn.GRUCell(2 * width + 1, width)
        self._next_operator = nn.Linear(width, _START)
        self._next_number = nn.Linear(2 * width, width)

    def read(self, rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor]:
        """The question (rows, width), its numbers' meanings (rows, numbers,
        width) and their values (rows, numbers)."""
        parsed = [parse(row["question"]) for row in rows]
        words = nn.utils.rnn.pad_sequence(
            [torch.tensor(words) for words, _, _ in parsed], batch_first=True
        )
        places = torch.tensor([places for _, places, _ in parsed])
        values = torch.tensor(
            [values for _, _, values in parsed], dtype=torch.float64
        )
        x = self._words(words).transpose(1, 2)
        x = x + torch.relu(self._near(x))
        x = (x + torch.relu(self._far(x))).transpose(1, 2)
        at = places[..., None].expand(-1, -1, x.shape[2])
        near = torch.cat([x.gather(1, at), _magnitude(values)[..., None]], 2)
        return x.amax(1), torch.relu(self._numbers(near)), values

    def write(
        self,
        rows: Sequence[Row],
        count: int,
        generator: torch.Generator | None = None,
        actions: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draws `count` expressions of each question, or follows `actions`.

        Returns:
            Actions (rows * count, 2 * (1 + operators)), pairs of an operator
            and the place of a number; their log-probabilities; their values.
        """
        state, numbers, values = (
            x.repeat_interleave(count, dim=0) for x in self.read(rows)
        )
        free = values != 0
        result = torch.zeros(len(values), dtype=torch.float64)
        total = torch.zeros(len(values))
        operator = torch.full((len(values),), _START)
        taken: list[Tensor] = []
        for step in range(1 + _OPERATORS):
            given = None if actions is None else actions[:, 2 * step :]
            if step > 0:
                # After a stop, and without a number left, all is over.
                over = (operator == _STOP) | ~free.any(1)
                operator, log = self._draw_operator(
                    state, over, given, generator
                )
                total = total + log
            meaning = self._operators(operator)
            place, log = self._draw_number(
                torch.cat([state, meaning], 1), numbers, free, given, generator
            )
            goes_on = operator != _STOP
            total = total + log * goes_on
            place = place * goes_on
            number = values.gather(1, place[:, None]).squeeze(1)
            result = apply(operator, result, number) if step else number
            chosen = nn.functional.one_hot(place, _MOST_NUMBERS).bool()
            free = free & ~(chosen & goes_on[:, None])
            number_meaning = numbers[torch.arange(len(place)), place]
            seen = [number_meaning, meaning, _magnitude(result)[:, None]]
            state = self._state(torch.cat(seen, 1), state)
            taken += [operator, place]
        return torch.stack(taken, 1), total, result

    def _draw_operator(
        self,
        state: Tensor,
        over: Tensor,
        given: Tensor | None,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """The next operator: where it is over, only _STOP is one."""
        logits = self._next_operator(state)
        closed = torch.zeros_like(logits, dtype=torch.bool)
        closed[:, _STOP + 1 :] = over[:, None]
        wanted = None if given is None else given[:, 0]
        return _choose(logits, closed, wanted, generator)

    def _draw_number(
        self,
        state: Tensor,
        numbers: Tensor,
        free: Tensor,
        given: Tensor | None,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, Tensor]:
        """The next number's place, of those that are free, if any is."""
        logits = torch.einsum("rw,rnw->rn", self._next_number(state), numbers)
        closed = ~free & free.any(1, keepdim=True)
        wanted = None if given is None else given[:, 1]
        return _choose(logits, closed, wanted, generator)


def _choose(
    logits: Tensor,
    closed: Tensor,
    given: Tensor | None,
    generator: torch.Generator | None,
) -> tuple[Tensor, Tensor]:
    """A choice a row, drawn or given, and its log-probability."""
    logs = logits.masked_fill(closed, -1e9).log_softmax(-1)
    if given is None:
        given = torch.multinomial(logs.exp(), 1, generator=generator)[:, 0]
    return given, logs.gather(1, given[:, None]).squeeze(1)


@functools.lru_cache(maxsize=None)
def _all_actions(numbers: int) -> list[Tensor]:
    """All expressions over so many numbers, by their operators' count."""
    found = []
    for length in range(min(1 + _OPERATORS, numbers)):
        rows = [
            [_START, places[0]]
            + [x for pair in zip(operators, places[1:]) for x in pair]
            for places in itertools.permutations(range(numbers), 1 + length)
            for operators in itertools.product(range(1, 6), repeat=length)
        ]
        rows = [row + [0] * (2 * (_OPERATORS - length)) for row in rows]
        found.append(torch.tensor(rows))
    return found


def expressions(row: Row) -> list[list[int]]:
    """The actions of all shortest expressions with the right answer."""
    wanted = right_answer(row)
    values = [value for value in parse(row["question"])[2] if value]
    numbers = torch.tensor(values, dtype=torch.float64)
    for actions in _all_actions(len(values)) if values else []:
        results = numbers[actions[:, 1]]
        for step in range(2, 2 * (1 + _OPERATORS), 2):
            number = numbers[actions[:, step + 1]]
            results = apply(actions[:, step], results, number)
        right = (results - wanted).abs() < 1e-6
        if right.any():
            return actions[right].tolist()
    return []


@dataclass(frozen=True)
class Gsm8k:
    """The task: questions of GSM8K, rewarded by the exact answer.

    Attributes:
        path: JSONL with the fields question and answer.
        pool: Questions that are trained on.
        held_out: Questions of the validation, none of them in the pool.
    """

    path: Path
    pool: int = 1500
    held_out: int = 500
    width: int = 32
    name: str = "gsm8k"
    measures: tuple[str, ...] = ("whole pool", "held out")

    def _part(self, start: int, size: int) -> list[tuple[int, Row]]:
        """Lines and rows of one part of the file, in a seeded order."""
        rows = _shuffled(self.path)
        needed = self.pool + self.held_out
        if len(rows) < needed:
            raise ValueError(
                f"{self.path}: {needed} questions with 2 to {_MOST_NUMBERS} "
                f"numbers are needed; it has {len(rows)}; give the whole of "
                "train.jsonl"
            )
        return rows[start : start + size]

    def prompts(self) -> list[vade.Prompt]:
        """The pool; labels say how many steps the written answer takes."""
        return [
            vade.Prompt(f"line-{line}", row, {"steps": _steps(row)})
            for line, row in self._part(0, self.pool)
        ]

    def new_policy(self, seed: int) -> nn.Module:
        """A policy of some 160 000 weights, most of them of words."""
        torch.manual_seed(seed)
        return ExpressionPolicy(self.width)

    def warm_start(self, policy: nn.Module, seed: int, steps: int) -> None:
        """Learns from expressions that a search has found, 64 a step."""
        part = self._part(0, self.pool)
        solved = [(row, expressions(row)) for _, row in part]
        solved = [(row, found) for row, found in solved if found]
        generator = random.Random(seed)
        optimizer = torch.optim.Adam(policy.parameters(), lr=2e-3)
        for _ in range(steps):
            some = generator.choices(solved, k=64)
            actions = [[generator.choice(found)] for _, found in some]
            logs = self.log_probabilities(
                policy, [row for row, _ in some], torch.tensor(actions)
            )
            optimizer.zero_grad()
            loss = -logs.mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    def roll_out(
        self,
        policy: nn.Module,
        rows: Sequence[Any],
        count: int,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Expressions, and 1 for those that come to the right answer."""
        assert isinstance(policy, ExpressionPolicy)
        actions, _, results = policy.write(rows, count, generator)
        wanted = torch.tensor(
            [[right_answer(row)] for row in rows], dtype=torch.float64
        )
        results = results.view(-1, count)
        rewards = ((results - wanted).abs() < 1e-6).float()
        return actions.view(len(rows), count, -1), rewards

    def log_probabilities(
        self, policy: nn.Module, rows: Sequence[Any], actions: Tensor
    ) -> Tensor:
        """Of whole expressions."""
        assert isinstance(policy, ExpressionPolicy)
        count = actions.shape[1]
        flat = actions.reshape(len(rows) * count, -1)
        return policy.write(rows, count, actions=flat)[1].view(-1, count)

    def validate(self, policy: nn.Module, seed: int) -> dict[str, float]:
        """Pass rates of the whole pool and of held-out questions, and of
        those of the pool with so many steps; of 4 rollouts each."""
        rates = {}
        rows = [row for _, row in self._part(0, self.pool + self.held_out)]
        with torch.no_grad():
            _, rewards = self.roll_out(policy, rows, 4, seeded(seed))
        means = rewards.mean(1)
        rates["whole pool"] = float(means[: self.pool].mean())
        rates["held out"] = float(means[self.pool :].mean())
        steps = [_steps(row) for row in rows[: self.pool]]
        for name in sorted(set(steps)):
            own = torch.tensor([x == name for x in steps])
            rates[name] = float(means[: self.pool][own].mean())
        return rates


def _number_count(question: str) -> int:
    """How many numbers a question has; more than are kept count as well."""
    words = _TOKEN.findall(question.lower())
    return sum(bool(_value(word)) for word in words)


def _steps(row: Row) -> str:
    """How many calculations the written answer has."""
    return str(row["answer"].count("<<"))


@functools.lru_cache(maxsize=1)
def _shuffled(path: Path) -> list[tuple[int, Row]]:
    """Lines and rows of all prompts that are taken, in a seeded order."""
    rows = [
        (line, row)
        for line, row in enumerate(read_questions(path), 1)
        if 2 <= _number_count(row["question"]) <= _MOST_NUMBERS
    ]
    random.Random(7).shuffle(rows)
    return rows


def _existing_file(text: str) -> Path:
    """For argparse: a path of a file that is there."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(
            f"give train.jsonl of GSM8K ({_SOURCE}); there is no file {text}"
        )
    return path


def _start() -> None:
    """Reads the flag of this example; the others are `main`'s."""
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument(
        "--prompts-file",
        type=_existing_file,
        required=True,
        help=f"train.jsonl of GSM8K, of {_SOURCE}",
    )
    defaults = Settings(
        rollouts=40_000, learning_rate=1e-3, validation_interval=10
    )
    main(
        lambda options: Gsm8k(options.prompts_file),
        Gsm8k.name,
        __doc__,
        defaults,
        own,
    )


if __name__ == "__main__":
    _start()
