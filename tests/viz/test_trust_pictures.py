"""Certificates opened up, a change of the root node by node, and what a thief reads on a disk."""

from typing import NamedTuple

import pytest
from matplotlib.colors import to_hex

from swarmlab import events as e
from swarmlab.viz import ink
from swarmlab.viz.certificates import draw_certificate, draw_rotation, rotation_of, tell_certificate, tell_rotation
from swarmlab.viz.diskview import draw_disk, found_on, shortened, tell_disk

from .pretend import Pen, machines

DAY = 86_400
PARTS = [("subject CN", "pr5zw"), ("subject OU", "swarm-worker"), ("valid until", "2026-04-01T00:00:00Z")]


class Loot(NamedTuple):
    secrets: tuple | dict = ()
    configs: tuple | dict = ()
    removed: tuple = ()
    root_key: int = 0
    tokens: tuple = ()
    node_key: bytes = b""
    why: str = ""


def words(drawn):
    return [text.get_text() for text in ink.figure_of(drawn).findobj(lambda a: hasattr(a, "get_text"))]


def rims(ax):
    return [p for p in ax.patches if to_hex(p.get_edgecolor()) == ink.WRONG]


def test_each_part_of_a_certificate_says_what_it_means():
    said = words(draw_certificate(PARTS))
    assert {"swarm-worker", "what it may do: its role", "then it is refused"} <= set(said)
    with pytest.raises(ValueError, match="no part of a certificate"):
        draw_certificate([])


def test_a_certificate_whose_life_is_over_says_so():
    assert "now" in words(draw_certificate(PARTS, (0, 90), 60 * DAY))
    assert "now, and refused" in words(draw_certificate(PARTS, (0, 90), 95 * DAY))
    assert tell_certificate(PARTS, (0, 90), 95 * DAY, "worker-1").endswith("; it holds for 90.0 days, and is over.")


def test_a_part_that_is_wrong_has_a_vermillion_rim():
    assert not rims(draw_certificate(PARTS)) and len(rims(draw_certificate(PARTS, mark=["subject OU"]))) == 1


def rotated(all_of_them=True):
    """Three nodes, a new root after 10 s; one node was off and comes later, or not at all."""
    pen = Pen(machines(1, 2))
    names = ("worker-2", "manager-1", "worker-1")
    for name in names:
        pen.note(1, name, e.CertificateIssued(f"id-{name}", "worker", "old", "old", "1", 0, "join"))
    pen.note(10, "manager-1", e.RootRotationBegun("old", "new"))
    for n, name in enumerate(names[: 3 if all_of_them else 2]):
        pen.note(11 + n, name, e.CertificateIssued(f"id-{name}", "worker", "new", "old", "2", 0, "rotation"))
    if all_of_them:
        pen.note(15, "manager-1", e.RootRotationEnded("new"))
        for name in names:
            pen.note(15.1, name, e.RootTrusted("new"))
    else:
        pen.note(14, "manager-1", e.ConnectionRefused("worker-1", "agent", "expired"))
    pen.note(30, "manager-1", e.MachineLoaded(0))
    return pen.trace


def test_a_rotation_is_over_when_every_node_has_a_certificate_of_the_new_root():
    row = rotation_of(rotated())
    assert row.machines == ("manager-1", "worker-1", "worker-2")
    assert row.issued == {"worker-2": 1.0, "manager-1": 2.0, "worker-1": 3.0} and row.over == 5.0
    assert tell_rotation(row) == (
        "Rotation of the root: 3 of 3 nodes have a certificate of the new root, the last after 3.00 s; the old root is dropped "
        "after 5.00 s."
    )


def test_a_node_that_was_removed_before_has_no_part_in_a_rotation():
    pen = Pen(machines(1, 2))
    for name in ("manager-1", "worker-1", "worker-2"):
        pen.note(1, name, e.CertificateIssued(f"id-{name}", "worker", "old", "old", "1", 0, "join"))
    pen.note(5, "manager-1", e.ObjectRemoved(7, "node", "id-worker-1"))
    pen.note(6, "manager-1", e.ObjectRemoved(8, "node", "id-worker-2"))
    pen.note(8, "worker-2", e.CertificateIssued("id-next", "worker", "old", "old", "2", 0, "join"))
    pen.note(10, "manager-1", e.RootRotationBegun("old", "new"))
    pen.note(11, "manager-1", e.MachineLoaded(0))
    assert rotation_of(pen.trace).machines == ("manager-1", "worker-2")


def test_who_has_still_the_old_root_and_who_was_refused_is_said():
    said = words(draw_rotation(rotated(False)))
    assert "✕ still the old root" in said and "not over" in said
    assert "not yet: worker-1; the old root still counts; manager-1 refuses worker-1: expired" in tell_rotation(
        rotated(False)
    )
    with pytest.raises(ValueError, match="not rotated"):
        rotation_of(Pen(machines(1, 1)).trace)


FILES = {
    "swarm/certificates/swarm-node.key": b"-----BEGIN PRIVATE KEY-----\nraft-dek: x",
    "swarm/certificates/swarm-node.crt": b"x",
    "swarm/raft/wal-v3-encrypted/0000000000000000-0000000000000000.wal": b"x" * 900,
}
OPEN = Loot({"db_pass": b"x", "old_pass": b"z"}, {"conf": b"y"}, ("old_pass",), 7, ("SWMTKN",), b"key")


def test_a_managers_disk_tells_secrets_the_roots_key_and_the_tokens():
    found = {row.path: row for row in found_on(FILES, OPEN)}
    wal = found["swarm/raft/wal-v3-encrypted/0000000000000000-0000000000000000.wal"]
    assert (wal.state, wal.words) == (
        "opened",
        "secret db_pass, secret old_pass (removed), key of the root, join tokens, config conf",
    )
    assert [row.bad for row in found_on(FILES, OPEN)] == [False, True, True]


def test_with_autolock_key_and_log_stay_sealed_and_nothing_is_vermillion():
    locked = FILES | {"swarm/certificates/swarm-node.key": b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nraft-dek: x"}
    closed = Loot(why="the key file is sealed")
    assert [row.state for row in found_on(locked, closed)] == ["clear", "sealed", "sealed"]
    assert not rims(draw_disk(locked, closed)) and len(rims(draw_disk(FILES, OPEN))) == 2
    assert tell_disk(locked, closed) == (
        "A stolen disk: 3 files, 2 of them stay sealed; nothing that should have stayed secret is read (the key file is sealed)."
    )


def test_long_ids_in_paths_are_cut():
    assert shortened("containers/da62d7e61181c0ffba57a89a510ddc0c/configs/conf") == "containers/da62d7e…/configs/conf"
