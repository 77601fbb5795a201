"""`make soak` works: one flood for a second, and a round of failing storage."""

import json
import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).parents[1] / "soak" / "run.py"


def test_a_flood_is_measured_and_failing_storage_is_compared_with_the_model(tmp_path):
    results = tmp_path / "results.json"
    command = [sys.executable, SOAK, "--versions", "13.0", "--seconds", "1", "--floods", "items", "--faults", "2"]
    subprocess.run([*command, "--no-docs", "--results", results], check=True, timeout=120)
    found = json.loads(results.read_text())["13.0"]
    flood = found["floods"]["items"]["flood"]
    assert flood["lives"] and flood["stanzas"] > 10 and flood["out"] > 0
    assert found["faults"]["requests"] == 60
