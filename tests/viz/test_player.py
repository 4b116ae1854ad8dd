"""The widget: what it sends, what it says in plain text, and what importing it costs."""

import subprocess
import sys

import pretend
import pytest

pytest.importorskip("anywidget", reason="the player needs anywidget")

from swarmlab.viz import Player
from swarmlab.viz.frames import frames
from swarmlab.viz.player import Player as Widget


@pytest.fixture(scope="module")
def trace():
    return pretend.story()


def test_the_player_sends_every_frame_once_and_starts_at_the_end(trace):
    player = Player(trace, lens="manager-2", speed=4)
    assert isinstance(player, Widget)
    assert (player.time, player.lens, player.speed) == (trace.now, "manager-2", 4)
    assert player.frames["facts"] == frames(trace)["facts"]
    assert player.layers == ["tasks", "messages", "requests", "roles"]


def test_signs_of_life_travel_only_when_their_layer_is_asked_for(trace):
    pen = pretend.Pen(pretend.machines(1, 1))
    pen.message(1, "worker-1", "manager-1", "manager", "Heartbeat")
    assert Player(pen.trace).frames["messages"] == []
    assert len(Player(pen.trace, layers=["heartbeats"]).frames["messages"]) == 1


def test_its_plain_text_is_one_line_and_always_the_same(trace):
    texts = [Player(trace)._repr_mimebundle_()[0]["text/plain"] for _ in range(2)]
    assert texts == ["Player(t=95.0 s: manager-2 leads, term 2; 8 of 9 tasks run; worker-2 down)"] * 2
    assert "application/vnd.jupyter.widget-view+json" in Player(trace)._repr_mimebundle_()[0]


def test_an_unknown_lens_is_refused_by_name(trace):
    with pytest.raises(ValueError, match="lens 'manager-9' is none of: truth, manager-1"):
        Player(trace, lens="manager-9")


def test_looking_back_loads_nothing_heavy():
    heavy = ["numpy", "pandas", "matplotlib", "networkx", "anywidget", "ipywidgets", "IPython"]
    script = f"import sys, swarmlab.viz.frames; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
