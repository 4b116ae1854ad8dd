"""Who may import whom, and what the engine can do without."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parent.parent

# A browser kernel has none of these, and the engine must run there.
HEAVY = ["numpy", "pandas", "matplotlib", "networkx"]
# What has a use in the engine is imported at that use.
LATER = ["yaml", "argparse", "cryptography", "IPython", "ipywidgets", "anywidget", "traitlets", "tornado", "asyncio"]

# Rooms of the control plane that look at the store and propose.
PLANNERS = ["api", "replicated", "global_mode", "jobs", "updater", "allocator", "scheduler", "dispatcher", "keys"]

WITHOUT = """
import sys
for name in {heavy}:
    sys.modules[name] = None            # from here on, importing it fails
{code}
"""


def python(code: str) -> subprocess.CompletedProcess:
    """Runs code in a fresh interpreter."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_rooms_import_in_one_direction(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_every_planner_is_under_the_contract_that_keeps_planners_apart():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (apart,) = (contract["modules"] for contract in contracts if contract["type"] == "independence")
    made = [name for name in PLANNERS if (ROOT / "swarmlab" / "manager" / f"{name}.py").exists()]
    assert {f"swarmlab.manager.{name}" for name in made} <= set(apart)


@pytest.mark.parametrize(
    "code",
    [
        "import swarmlab",
        "from swarmlab import Cluster; Cluster(managers=1, workers=1, seed=1)",
        "from swarmlab.viz import Player",
        "from swarmlab import Cluster; from swarmlab.viz import Player; Player(Cluster(managers=1, workers=1, seed=1).trace)",
    ],
    ids=["engine", "cluster", "player", "board"],
)
def test_the_engine_and_the_player_need_no_heavy_library(code):
    answer = python(WITHOUT.format(heavy=HEAVY, code=code))
    assert answer.returncode == 0, answer.stderr


def test_importing_swarmlab_loads_nothing_that_can_wait():
    code = f"import sys, swarmlab; print(*sorted(set({HEAVY + LATER}) & set(sys.modules)))"
    answer = python(code)
    assert (answer.returncode, answer.stdout.split()) == (0, []), answer.stderr
