"""Every transcript that today's commands cover, played again on our own cluster and compared line by line."""

import re
import sys
from difflib import ndiff
from functools import cache, partial
from pathlib import Path

import pytest
from differences import AGREEING, KNOWN, LINES
from recorded import entries
from replay import Compared, Scene, play

from swarmlab import Cluster
from swarmlab.docker.dates import unix

ROOT = Path(__file__).resolve().parent.parent.parent

# ── what happens between the commands ────────────────────────────────────────────────────────────────────────────


def down(name: str, cluster: Cluster) -> None:
    assert cluster.run_until(lambda c: any(n.machine == name and n.state == "down" for n in c.nodes), limit=120)


def ready(name: str, cluster: Cluster) -> None:
    assert cluster.run_until(lambda c: all(n.state == "ready" for n in c.nodes if n.machine == name), limit=60)


def crash(name: str, cluster: Cluster) -> None:
    cluster.crash(name)


def restart(name: str, cluster: Cluster) -> None:
    cluster.restart(name)


def shut_down(name: str, cluster: Cluster) -> None:
    cluster.shutdown(name)


def unplug(name: str, cluster: Cluster) -> None:
    cluster.partition({name}, {f"node{n}" for n in range(1, 6)} - {name})


def plug_in(cluster: Cluster) -> None:
    cluster.heal()


def some_leader(cluster: Cluster) -> None:
    assert cluster.run_until(lambda c: c.leader is not None, limit=60)


def new_leader(cluster: Cluster) -> None:
    assert cluster.run_until(lambda c: c.leader not in (None, "node1"), limit=60)


def forget_services(cluster: Cluster) -> None:
    cluster.docker("service rm " + " ".join(service.id for service in cluster.services), "node1")
    cluster.run_for(5)


def leave(machine: str, cluster: Cluster) -> None:
    cluster.docker("swarm leave", machine)


def enter(machine: str, cluster: Cluster) -> None:
    token = cluster.docker("swarm join-token -q worker", "node1").stdout.strip()
    cluster.docker(f"swarm join --token {token} 10.77.0.11:2377", machine)


def tokens(cluster: Cluster) -> dict[str, str]:
    """For transcript 12: the worker's token, and the same with a wrong secret."""
    right = cluster.docker("swarm join-token -q worker", "node1").stdout.strip()
    web = {"pzwx2i": "web"}  # the id of a service, known from a part that was not recorded
    known = "SWMTKN-1-396gzi811kpisqswfnx3izdwzclfo6vde78xzosfyua88qianr-a5ycab6o6sk87skw6v40"
    return {f"{known}fv2jk": right, f"{known}aaaaa": right[:-5] + "aaaaa", **web}


def in_the_past(cluster: Cluster) -> dict[str, str]:
    """For transcript 17, where events were watched all the time: here they are asked for at the end."""
    return {"docker events --filter": f"docker events --since {unix(cluster.kernel.now)} --until 0s --filter"}


# ── the scenes ───────────────────────────────────────────────────────────────────────────────────────────────────

SHOP = next(entry.output for entry in entries() if entry.command == "cat shop.yml")
SHOP_AFTER = SHOP.replace("nginx:1.25-alpine", "nginx:1.26-alpine").replace("replicas: 3", "replicas: 2")
SHOP2 = re.sub(r"(?s)  db:\n.*?(?=networks:\n  front)", "", SHOP_AFTER)
BAD = {  # the recording shows what docker said to these files, not the files
    "bad1.yml": "version: '3.8'\nservices: {a: {image: nginx:alpine, bogus: 1}}\n",
    "bad2.yml": "version: '3.8'\nservices:\n  a: {image: nginx:alpine, build: ., restart: always}\n"
    "  b: {image: nginx:alpine, container_name: x}\n",
    "bad3.yml": "version: '3.8'\nservices: {a: {image: nginx:alpine, networks: [ext]}}\nnetworks: {ext: {external: true}}\n",
    "bad4.yml": "version: '3.8'\nservices: {a: {image: nginx:alpine, secrets: [s]}}\nsecrets: {s: {external: true}}\n",
    "ok.yml": "version: '3.8'\nservices: {a: {image: nginx:alpine, deploy: {replicas: 2}}}\n",
}
FILES_AT_FIRST = {
    "site.conf": "server { listen 80; }\n",
    "db_pass.txt": "hunter2",
    "shop.yml": SHOP,
    "shop2.yml": SHOP2,
    **BAD,
}
FILES = dict(FILES_AT_FIRST)


def edit_shop(scene_files: dict, cluster: Cluster) -> None:
    scene_files["shop.yml"] = SHOP_AFTER


def edit_secret(scene_files: dict, cluster: Cluster) -> None:
    scene_files["db_pass.txt"] = "changed"


AT_ONCE = (0,)

SCENES = (
    Scene(
        "01-bootstrap.txt",
        swarm=False,
    ),
    Scene(
        "02-replicas-scale.txt",
        before={1: (2,), 4: (2,), 6: AT_ONCE, 7: (5,), 10: (6,), 13: (2,), 17: (3,), 21: (4,)},
    ),
    Scene(
        "03-placement.txt",
        before={
            4: (3,), 10: (3,), 15: (3,), 20: (3,), 22: (6,), 24: (0,),
            25: (1, forget_services), 26: (3,), 28: (3,), 29: (1, forget_services), 30: (3,), 34: (12,),
        },
        slots=False,
    ),
    Scene(
        "04-resources.txt",
        before={1: (3,), 4: (3,), 7: (60,), 12: (3,), 15: (2,)},
        slots=False,
    ),
    Scene(
        "05-availability.txt",
        before={2: (3,), 6: (3,), 8: AT_ONCE, 10: (6,), 16: (3,), 25: (5,)},
        slots=False,
    ),
    Scene(
        "06-worker-failure.txt",
        before={
            3: (3,),
            4: (3, partial(crash, "node3"), partial(down, "node3")),
            5: (0,), 6: (3,), **dict.fromkeys(range(7, 13), AT_ONCE), 13: (2,),
            14: (2, partial(restart, "node3"), partial(ready, "node3"), 1.7),
            15: (5.5,),
            20: (5, partial(shut_down, "node4"), partial(down, "node4"), 1),
            21: (1,),
            22: (0, partial(restart, "node4"), partial(ready, "node4"), 5),
            23: (3, partial(unplug, "node5"), partial(down, "node5")),
            24: (1,), 25: (0,),
            26: (1, plug_in, partial(ready, "node5"), 5),
        },
        slots=False,
    ),
    Scene(
        "07-raft.txt",
        before={
            3: (5, partial(crash, "node1"), new_leader),
            4: (partial(down, "node1"), 1), 5: AT_ONCE, 6: AT_ONCE, 7: AT_ONCE, 9: (2,),
            10: (1, partial(crash, "node3"), 20), **dict.fromkeys(range(11, 19), AT_ONCE),
            19: (10, partial(restart, "node1"), some_leader, partial(ready, "node1"), partial(ready, "node4"), 3),
            21: (2, partial(restart, "node3"), partial(ready, "node3"), 3), 22: (8,),
            24: (partial(ready, "node2"),), **dict.fromkeys(range(25, 30), AT_ONCE),
        },
        slots=False,
        seed=7,
    ),
    Scene(
        "08-rolling-update.txt",
        before={
            1: (3,), 2: AT_ONCE, 3: (3,), 4: AT_ONCE, 5: (5,), 6: (12,), **dict.fromkeys(range(7, 12), AT_ONCE), 14: (5,),
            16: (12,), 19: (2,), 22: (3,), 23: (11.2,), **dict.fromkeys((24, 25, 26), AT_ONCE), 28: (20,), 29: AT_ONCE,
            32: (3,), 33: (4,), 34: (12,), 35: AT_ONCE, 36: AT_ONCE, 39: (3,), 40: (15,), 41: AT_ONCE, 42: AT_ONCE,
            45: (3,), 46: (0.6,), 49: (1.4,), 50: (0.2,), 52: (10,), 53: AT_ONCE, 54: (13.5,), 55: AT_ONCE, 56: AT_ONCE,
        },
        slots=False,
    ),
    Scene(
        "09-restart-health.txt",
        before={4: (13.7,), **dict.fromkeys(range(5, 11), AT_ONCE), 14: (11.5,), 18: (2,), 19: AT_ONCE, 20: (10.3,), 21: AT_ONCE,
                22: AT_ONCE, 25: (4,), 26: AT_ONCE, 27: AT_ONCE, 28: (5,), 30: (4,)},
    ),
    Scene("10-secrets-configs.txt", before={13: (4,), **dict.fromkeys(range(1, 12), AT_ONCE), 19: (8,)}, files=FILES),
    Scene(
        "11-stack.txt",
        before={
            2: (5,), **dict.fromkeys(range(3, 13), AT_ONCE), 11: (1,), 13: (partial(edit_shop, FILES),), 14: (30,),
            **dict.fromkeys(range(15, 22), AT_ONCE), 24: AT_ONCE, **dict.fromkeys(range(28, 35), AT_ONCE), 35: (partial(edit_secret, FILES),),
            37: (5,),
        },
        files=FILES,
    ),
    Scene("12-errors.txt", names=tokens, before={85: (partial(leave, "node5"),)}),
    Scene("13-formats.txt", before={3: (3,), **dict.fromkeys(range(4, 34), AT_ONCE)}, slots=False),
    Scene("14-networks.txt", before={15: (3,), 20: (3,), 22: (3,), 25: (4,), 29: (20,), 32: (5,)}, slots=False),
    Scene("15-jobs.txt", before={1: (2,), 2: AT_ONCE, 3: (8,), **dict.fromkeys((4, 5, 6, 7), AT_ONCE), 8: (3,), 9: AT_ONCE,
          11: (3,), 13: (5,), 15: (7,), 16: AT_ONCE}),
    Scene("16-security.txt", before={6: (partial(crash, "node1"), partial(restart, "node1"), 1), 12: (3,), 17: (20,)},
          pause=0.2),
    Scene("17-rollback-and-events.txt", names=in_the_past, before={1: (3,), 2: AT_ONCE, 3: (9.5,), 4: AT_ONCE, 5: AT_ONCE, 6: (7,), 7: AT_ONCE,
          8: AT_ONCE, 9: AT_ONCE, 10: AT_ONCE, 11: AT_ONCE, 12: (8,), **dict.fromkeys(range(13, 20), (5,)), 19: (10,)}, slots=False),
    Scene(
        "18-extras.txt",
        before={2: (8,), 14: (3,), 17: (partial(down, "node5"),), 19: (partial(enter, "node5"),),
                **dict.fromkeys((21, 22, 24, 25, 27, 29, 31), (3,))},
        slots=False,
    ),
)  # fmt: skip


# ── what is compared ─────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def played(number: int) -> list[Compared]:
    scene = SCENES[number]
    FILES.update(FILES_AT_FIRST)
    return play(scene, [entry for entry in entries() if entry.file == scene.file])


def test_every_transcript_is_played() -> None:
    assert [scene.file for scene in SCENES] == sorted({entry.file for entry in entries()})


@pytest.mark.parametrize("number", range(len(SCENES)), ids=[scene.file[:-4] for scene in SCENES])
def test_what_is_printed_agrees_with_the_recording_or_is_a_known_difference(number: int) -> None:
    differing = {(one.entry.file[:2], one.number): one for one in played(number) if one.differs}
    for key, one in differing.items():
        assert key in KNOWN, f"{one.entry.command}\n" + "\n".join(ndiff(one.recorded, one.ours))
    stale = [key for key in KNOWN if key[0] == SCENES[number].file[:2] and key not in differing]
    assert stale == [], "they agree now: take them off the list"


def test_the_score_only_grows() -> None:
    compared = [one for number in range(len(SCENES)) for one in played(number)]
    lines, agreeing = sum(one.lines for one in compared), sum(one.agreeing for one in compared)
    print(f"{agreeing} of {lines} recorded lines agree")
    assert lines == LINES
    assert agreeing >= AGREEING, "a line that agreed does so no more"
    assert agreeing <= AGREEING, f"better than written down: AGREEING = {agreeing}, here and in the README"


def test_the_readme_tells_the_score() -> None:
    assert f"{AGREEING} of {LINES}" in (ROOT / "README.md").read_text(encoding="utf-8").replace(",", "")


if __name__ == "__main__":  # python tests/transcripts/test_replay.py [01 02 …]: the score, and the differences of some
    total, good = 0, 0
    for number, scene in enumerate(SCENES):
        if sys.argv[1:] and scene.file[:2] not in sys.argv[1:]:
            continue
        found = played(number)
        total, good = total + sum(one.lines for one in found), good + sum(one.agreeing for one in found)
        print(
            f"{scene.file:32} {sum(one.agreeing for one in found):5} of {sum(one.lines for one in found):5}", flush=True
        )
        for one in (one for one in found if sys.argv[1:] and one.differs):
            print(f"--- [{one.number}] {one.entry.command}" + "   (not as many tasks on each node)" * (not one.spread))
            print("\n".join(line for line in ndiff(one.recorded, one.ours) if line[0] in "+-"))
    print(f"{good} of {total} recorded lines agree")
