"""What the page shows works as shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_blocks_of_the_page_run_one_after_another(own_server, tmp_path):
    page = (FOLDER / "README.md").read_text()
    blocks = BLOCK.findall(page)
    # Every block is marked as one that runs; none is left out.
    assert page.count("<!-- runs -->\n```python") == len(blocks) >= 7
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks)],
        env={**os.environ, "VADE_ADDRESS": own_server.address},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "POOL_TOO_SMALL 200" in done.stdout


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
