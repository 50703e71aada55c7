"""What the page shows works as shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_blocks(blocks, server, folder):
    """Runs blocks one after another; gives what they print."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        env={**os.environ, "VADE_ADDRESS": server.address},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_blocks_of_the_page_run_one_after_another(own_server, tmp_path):
    page = (FOLDER / "README.md").read_text()
    blocks = BLOCK.findall(page)
    # Every block is marked as one that runs; none is left out.
    assert page.count("<!-- runs -->\n```python") == len(blocks) >= 7
    printed = run_blocks(blocks, own_server, tmp_path)
    assert "POOL_TOO_SMALL 200" in printed


def test_the_block_of_the_first_page_runs(own_server, tmp_path):
    blocks = BLOCK.findall((FOLDER.parents[1] / "README.md").read_text())
    assert len(blocks) == 1
    run_blocks(blocks, own_server, tmp_path)
    with own_server.client() as client:
        assert client.run("gsm8k").stats().group_count == 2


def test_the_benchmark_runs():
    done = subprocess.run(
        [
            *(sys.executable, str(FOLDER / "benchmark" / "client_speed.py")),
            *("--sync=never", "--seconds=0.01"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("rewards/s") == 2
