"""The playable packet: what is sent, what is said, and that the browser shows the stop that Python shows."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("anywidget", reason="the board needs anywidget")

from test_packet_pictures import INGRESS, KINDS

from swarmlab.viz.packetboard import RULES, PacketBoard, packet_frames
from swarmlab.viz.packetfold import LAYERS

STATIC = Path(__file__).parents[2] / "swarmlab" / "viz" / "static"
SCRIPTS = [str(STATIC / name) for name in ("kit.js", "packetboard.js")]
ASK = """
import { readFileSync } from "node:fs";
const source = Buffer.concat(process.argv.slice(1).map((name) => readFileSync(name))).toString("base64");
const { stopAt } = await import("data:text/javascript;base64," + source);
const { frames, times } = JSON.parse(readFileSync(0));
process.stdout.write(JSON.stringify(times.map((t) => stopAt(frames, t))));
"""


def test_every_stop_is_sent_with_its_way_and_its_addresses():
    frames = packet_frames(INGRESS, KINDS)
    assert len(frames["stops"]) == len(INGRESS) and frames["end"] == (len(INGRESS) - 1) * 1_000_000
    assert [bool(stop["way"]) for stop in frames["stops"]] == [False] + [True] * (len(INGRESS) - 1)
    for before, stop in zip(frames["stops"], frames["stops"][1:], strict=False):
        assert stop["way"][0] == tuple(before["at"]) and stop["way"][-1] == tuple(stop["at"])
    assert [stop["tunnel"] for stop in frames["stops"]].count(True) == 3
    assert json.dumps(frames), "it is plain"


def test_its_plain_text_is_the_stop_at_which_it_stands():
    board = PacketBoard(INGRESS, stop=2, kinds=KINDS)
    assert board.stop == 2 and repr(board).startswith("PacketBoard(Stop 2 of 11: 2 worker-1, host: DNAT")
    assert board._repr_mimebundle_()[0]["text/plain"] == repr(board)
    with pytest.raises(ValueError, match="stop 12: there are stops 1 to 11"):
        PacketBoard(INGRESS, stop=12)


def test_every_layer_has_a_sentence():
    assert set(RULES) == set(LAYERS)


def test_a_stop_lasts_a_second_in_which_the_packet_goes_on():
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: nothing to compare the board with")
    times = [0, 400_000, 1_000_000, 9_999_999, 10_000_000, 99_000_000]
    done = subprocess.run(
        [node, "--input-type=module", "-e", ASK, "--", *SCRIPTS],
        input=json.dumps({"frames": packet_frames(INGRESS), "times": times}), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[0, 0], [0, 0.4], [1, 0], [9, 0.999999], [10, 0], [10, 0]]
