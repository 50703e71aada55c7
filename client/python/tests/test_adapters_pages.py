"""The pages of docs: what they say to write must work."""

from __future__ import annotations

import ast
import importlib
import re
import sys
import types
from pathlib import Path

import pytest

import vade

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
ADAPTERS = [p for p in PAGES if p not in ("README.md", "inspection.md")]
SECTIONS = ["Lines to add", "State", "Beware", "Versions"]


def blocks(page):
    text = (DOCS / page).read_text()
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


class EndOfTraining(Exception):
    """A page's loop has no end of its own."""


@pytest.fixture
def gsm8k(server, client, monkeypatch):
    """The pages' run, made anew for each of them."""
    monkeypatch.setenv("VADE_ADDRESS", server.address)
    monkeypatch.setenv("VADE_RUN", "gsm8k")
    client.run("gsm8k").delete(missing_ok=True)
    yield client.run("gsm8k")
    client.run("gsm8k").delete(missing_ok=True)


def execute(source, **names):
    exec(compile(source, "page", "exec"), names)
    return names


@pytest.mark.parametrize("page", ADAPTERS)
def test_a_page_has_its_sections_and_stands_in_the_index(page):
    text = (DOCS / page).read_text()
    found = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert found == SECTIONS
    assert f"({page})" in (DOCS / "README.md").read_text()
    module = DOCS.parent / "vade" / "adapters" / f"{Path(page).stem}.py"
    assert page == "torch.md" or module.exists()


def test_every_adapter_has_a_page():
    folder = DOCS.parent / "vade" / "adapters"
    modules = {p.stem for p in folder.glob("*.py") if p.stem[0] != "_"}
    assert modules | {"torch"} == {Path(page).stem for page in ADAPTERS}


@pytest.mark.parametrize("page", PAGES)
def test_code_of_a_page_is_python_and_its_names_are_there(page):
    for source in blocks(page):
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.ImportFrom):
                continue
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                assert hasattr(module, alias.name), (page, alias.name)


def test_links_of_pages_lead_somewhere():
    for page in PAGES:
        text = (DOCS / page).read_text()
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert (DOCS / target).exists(), (page, target)


def test_the_loop_of_the_pytorch_page_trains(gsm8k):
    torch = pytest.importorskip("torch")
    saved = []

    def save(state):
        saved.append(state)
        if len(saved) == 2:
            raise EndOfTraining

    (source,) = blocks("torch.md")
    rows = [{"id": f"r{i}", "question": f"? {i}"} for i in range(2000)]
    names = dict(
        rows=rows,
        roll_out=lambda questions: torch.zeros(len(questions), 8),
        train=lambda rewards: None,
        save=save,
    )
    for checkpoint in (None, {"loader": None}):
        if checkpoint is not None:
            checkpoint = saved.pop()
            saved.clear()
        with pytest.raises(EndOfTraining):
            execute(source, checkpoint=checkpoint, **names)
    assert [state["loader"]["step"] for state in saved] == [3, 4]
    stats = gsm8k.stats()
    assert stats.rollout_count == 4 * 128 * 8
    assert stats.duplicate_rollout_count == 0


def test_the_lines_of_the_trl_page_train(gsm8k, monkeypatch):
    pytest.importorskip("torch")
    stand_in = importlib.import_module("test_adapters_trl").StandInTrainer
    module = types.ModuleType("transformers")
    module.TrainerCallback = type("TrainerCallback", (), {})
    monkeypatch.setitem(sys.modules, "transformers", module)

    class Dataset(list):
        def __getitem__(self, key):
            if key == "id":
                return [row["id"] for row in self]
            return super().__getitem__(key)

    class Trainer(stand_in):
        def __init__(self, model, args, train_dataset, reward_funcs):
            super().__init__(reward_funcs, dataset=train_dataset)
            self.num_generations = args["num_generations"]

        def train(self, resume_from_checkpoint):
            loop = super().train()
            for _ in range(3):
                next(loop)

    rows = [{"id": f"r{i}", "prompt": f"? {i}"} for i in range(64)]
    execute(
        blocks("trl.md")[0],
        GRPOTrainer=Trainer,
        GRPOConfig=dict,
        dataset=Dataset(rows),
        model=None,
        resume=None,
        is_right=lambda prompts, **_: [1.0] * len(prompts),
        looks_tidy=lambda prompts, **_: [0.5] * len(prompts),
    )
    assert gsm8k.stats().group_count == 4


def test_the_lines_of_the_index_work(gsm8k, client):
    ids = [f"p{i}" for i in range(200)]
    run = client.create_run("gsm8k", group_size=2)
    run.import_prompts(ids)
    names = execute(
        blocks("README.md")[0],
        run=run,
        ids=ids,
        rows=ids,
        rewards_of=lambda row: [1.0],
    )
    assert gsm8k.stats().group_count == 8
    assert names["state"]["step"] == 1


def test_reward_functions_of_pages_pass_other_rows_on(gsm8k):
    verl = execute(blocks("verl.md")[0])["compute_score"]
    assert verl("gsm8k", "so 4", "4", {"index": 1}) == 1.0
    openrlhf = execute(blocks("openrlhf.md")[0])["reward_func"]
    assert openrlhf(["2+2=4"], ["2+2"], ["4"])["rewards"] == [1.0]
    areal = execute(blocks("areal.md")[1])["is_right"]
    assert areal("2+2", "4", [], [], answer="4") == 1.0


def test_the_openrlhf_page_makes_a_dataset(gsm8k):
    class Dataset(list):
        collate_fn = None

    made = execute(blocks("openrlhf.md")[1])["dealt"](
        Dataset(("default", f"? {i}", f"{i}") for i in range(50)), 5
    )
    source, prompt, label = made[0]
    assert (source, prompt[:2]) == ("default", "? ")
    assert label.endswith(prompt[2:]) and label != prompt[2:]


def test_the_nemo_rl_page_makes_a_function(gsm8k, client):
    client.run("math").delete(missing_ok=True)
    made = execute(blocks("nemo_rl.md")[0], number_of_rows=100)
    assert callable(made["prompts"])
    assert client.run("math").info().group_size == 16


def test_the_tables_and_plots_of_the_inspection_page(
    gsm8k, client, tmp_path, monkeypatch
):
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    run = client.create_run("gsm8k", group_size=2)
    run.import_prompts(
        vade.Prompt(f"p{i}", labels={"source": "ab"[i % 2]}) for i in range(9)
    )
    tables, plots = blocks("inspection.md")
    execute(tables)
    stats = run.stats()
    (tmp_path / "gsm8k.png").unlink()
    fake = types.SimpleNamespace(watch=lambda interval: [stats] * 3)
    execute(plots, run=fake, vade=vade)
    assert (tmp_path / "gsm8k.png").stat().st_size > 10_000
