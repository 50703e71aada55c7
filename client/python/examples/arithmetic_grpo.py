"""A small transformer learns arithmetic by GRPO, with each of six samplers.

    python arithmetic_grpo.py                         # all: 8 minutes
    python arithmetic_grpo.py --samplers vade --seeds 1

Eight levels of difficulty, exact answers as rewards, real gradients. Brief
supervised steps come first, so that pass rates spread over the levels.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import vade
from comparison import main
from rollout_workers import seeded
from training import Settings

__all__ = ["Arithmetic", "Transformer"]

_SYMBOLS = "0123456789+-*= ."
_END = _SYMBOLS.index(".")
_PROMPT_LENGTH = 8
_ANSWER_LENGTH = 5

_DEFAULTS = Settings(
    rollouts=60_000, batch_size=64, learning_rate=1e-4, warm_start_steps=800
)

# Operator, and the digits of both operands.
_LEVELS = {
    "1 +": ("+", 2, 1),
    "2 +": ("+", 2, 2),
    "3 +": ("+", 3, 2),
    "4 +": ("+", 3, 3),
    "5 -": ("-", 2, 2),
    "6 -": ("-", 3, 3),
    "7 *": ("*", 2, 1),
    "8 *": ("*", 2, 2),
}


def encode(text: str) -> list[int]:
    """The numbers of a text's symbols."""
    return [_SYMBOLS.index(symbol) for symbol in text]


def prompt_text(level: str, generator: random.Random) -> str:
    """A random prompt such as " 47+  5="; differences are not negative."""
    sign, first, second = _LEVELS[level]
    a = generator.randrange(10 ** (first - 1), 10**first)
    b = generator.randrange(10 ** (second - 1), 10**second)
    if sign == "-":
        a, b = max(a, b), min(a, b)
    return f"{a:>3}{sign}{b:>3}="


def answer(text: str) -> str:
    """The right answer, its units first, and an end: "25." for 52."""
    a, b = int(text[:3]), int(text[4:7])
    value = {"+": a + b, "-": a - b, "*": a * b}[text[3]]
    return str(value)[::-1] + "."


class _Block(nn.Module):
    """Attention to what came before, then a layer of units."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self._norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self._inputs = nn.Linear(width, 3 * width)
        self._output = nn.Linear(width, width)
        self._units = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
        )

    def forward(self, x: Tensor, past: Tensor | None) -> tuple[Tensor, Tensor]:
        """x is (rows, length, width), past what an earlier call returned."""
        rows, length, width = x.shape
        size = width // self._heads
        inputs = self._inputs(self._norms[0](x))
        inputs = inputs.view(rows, length, 3, self._heads, size)
        query, key_value = inputs[:, :, 0], inputs[:, :, 1:]
        if past is not None:
            key_value = torch.cat([past, key_value], dim=1)
        key, value = key_value.unbind(2)
        scores = torch.einsum("blhs,bmhs->bhlm", query, key)
        scores = scores / math.sqrt(size)
        total = key.shape[1]
        future = torch.ones(length, total, dtype=torch.bool)
        future = future.triu(total - length + 1)
        weights = scores.masked_fill(future, -math.inf).softmax(-1)
        mixed = torch.einsum("bhlm,bmhs->blhs", weights, value)
        x = x + self._output(mixed.reshape(rows, length, width))
        return x + self._units(self._norms[1](x)), key_value


class Transformer(nn.Module):
    """A decoder over symbols that continues from what it has read."""

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self._symbols = nn.Embedding(len(_SYMBOLS), width)
        places = _PROMPT_LENGTH + _ANSWER_LENGTH
        self._places = nn.Embedding(places, width)
        self._blocks = nn.ModuleList(
            _Block(width, heads) for _ in range(layers)
        )
        self._norm = nn.LayerNorm(width)
        self._output = nn.Linear(width, len(_SYMBOLS))

    def forward(
        self, symbols: Tensor, past: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Logits of each next symbol, and the past of a next call."""
        start = 0 if past is None else past[0].shape[1]
        places = torch.arange(start, start + symbols.shape[1])
        x = self._symbols(symbols) + self._places(places)
        pasts = []
        for number, block in enumerate(self._blocks):
            x, kept = block(x, None if past is None else past[number])
            pasts.append(kept)
        return self._output(self._norm(x)), pasts


def _generate(
    policy: nn.Module, prompts: Tensor, generator: torch.Generator
) -> Tensor:
    """One answer to each prompt, (rows, answer length), drawn by symbol."""
    logits, past = policy(prompts)
    answers: list[Tensor] = []
    while True:
        chances = logits[:, -1].softmax(-1)
        answers.append(torch.multinomial(chances, 1, generator=generator))
        if len(answers) == _ANSWER_LENGTH:
            return torch.cat(answers, dim=1)
        logits, past = policy(answers[-1], past)


def _decode(symbols: Sequence[int]) -> str:
    """The text up to its end; without an end it is no answer: ""."""
    text = "".join(_SYMBOLS[symbol] for symbol in symbols)
    head, end, _ = text.partition(".")
    return head + end if end else ""


@dataclass(frozen=True)
class Arithmetic:
    """The task: prompts of eight levels, rewarded by the exact answer.

    Attributes:
        pool: Prompts that are trained on, over all levels.
        held_out: Prompts of the validation, none of them in the pool.
    """

    pool: int = 2000
    held_out: int = 400
    width: int = 64
    layers: int = 2
    heads: int = 4
    name: str = "arithmetic"
    measures: tuple[str, ...] = ("held out",)

    def _texts(self) -> tuple[dict[str, str], dict[str, str]]:
        """{text: level} of the pool, and of what is held out."""
        generator = random.Random(7)
        parts: list[dict[str, str]] = []
        for size in (self.pool, self.held_out):
            part: dict[str, str] = {}
            levels = list(_LEVELS)
            while len(part) < size:
                level = levels[len(part) % len(levels)]
                text = prompt_text(level, generator)
                if not any(text in other for other in [*parts, part]):
                    part[text] = level
            parts.append(part)
        return parts[0], parts[1]

    def prompts(self) -> list[vade.Prompt]:
        """The pool; the row of a prompt is a list of its text."""
        return [
            vade.Prompt(text.replace(" ", ""), [text], {"level": level})
            for text, level in self._texts()[0].items()
        ]

    def new_policy(self, seed: int) -> nn.Module:
        """A transformer of some 100 000 weights."""
        torch.manual_seed(seed)
        return Transformer(self.width, self.layers, self.heads)

    def warm_start(self, policy: nn.Module, seed: int, steps: int) -> None:
        """Learns from 256 random prompts a step, none of them held out."""
        generator = random.Random(seed)
        held_out = self._texts()[1]
        optimizer = torch.optim.Adam(policy.parameters(), lr=1e-3)
        levels = list(_LEVELS)
        for _ in range(steps):
            texts: list[str] = []
            while len(texts) < 256:
                text = prompt_text(generator.choice(levels), generator)
                if text not in held_out:
                    texts.append(text)
            answers = torch.tensor(
                [encode(answer(t).ljust(_ANSWER_LENGTH, ".")) for t in texts]
            )
            rows = [[text] for text in texts]
            chances = self.log_probabilities(policy, rows, answers[:, None])
            optimizer.zero_grad()
            loss = -chances.mean()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    def roll_out(
        self,
        policy: nn.Module,
        rows: Sequence[Any],
        count: int,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Answers, and 1 for those that are right to the last symbol."""
        prompts = torch.tensor([encode(row[0]) for row in rows])
        symbols = _generate(
            policy, prompts.repeat_interleave(count, dim=0), generator
        ).view(len(rows), count, _ANSWER_LENGTH)
        rewards = torch.tensor(
            [
                [float(_decode(s) == answer(row[0])) for s in group]
                for row, group in zip(rows, symbols.tolist())
            ]
        )
        return symbols, rewards

    def log_probabilities(
        self, policy: nn.Module, rows: Sequence[Any], actions: Tensor
    ) -> Tensor:
        """Of the symbols of each answer up to its end, summed."""
        count = actions.shape[1]
        prompts = torch.tensor([encode(row[0]) for row in rows])
        prompts = prompts.repeat_interleave(count, dim=0)
        symbols = actions.reshape(-1, _ANSWER_LENGTH)
        logits, _ = policy(torch.cat([prompts, symbols[:, :-1]], dim=1))
        chances = functional.log_softmax(logits[:, _PROMPT_LENGTH - 1 :], -1)
        chances = chances.gather(2, symbols[..., None]).squeeze(2)
        ended = (symbols == _END).long()
        after_end = (ended.cumsum(1) - ended) > 0
        return chances.masked_fill(after_end, 0).sum(1).view(-1, count)

    def validate(self, policy: nn.Module, seed: int) -> dict[str, float]:
        """Pass rates of held-out prompts, of 4 rollouts each."""
        held_out = self._texts()[1]
        with torch.no_grad():
            _, rewards = self.roll_out(
                policy, [[text] for text in held_out], 4, seeded(seed)
            )
        means = rewards.mean(1).tolist()
        rates = {"held out": sum(means) / len(means)}
        for level in _LEVELS:
            own = [m for m, x in zip(means, held_out.values()) if x == level]
            rates[level] = sum(own) / max(1, len(own))
        return rates


if __name__ == "__main__":
    main(lambda options: Arithmetic(), Arithmetic.name, __doc__, _DEFAULTS)
