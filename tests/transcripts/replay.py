"""Plays a recorded transcript again on our own cluster, and compares line by line what is printed.

Ids, tokens, ages and the like differ from run to run: `MASKS` hides them on both sides. Which of several equal nodes
gets a task is not determined either, so names of nodes are hidden in lists of tasks, and how many tasks each node has
is compared instead.
"""

import re
import shlex
from collections import Counter
from collections.abc import Callable, Mapping
from difflib import SequenceMatcher
from itertools import groupby
from typing import NamedTuple

from recorded import Entry

from swarmlab import Cluster
from swarmlab.docker.commands import BY_NAME
from swarmlab.world import Computer

MASKS = (  # what differs from run to run → what stands in its place
    (r"@sha256:[0-9a-f]{64}", ""),  # we do not pin an image to its digest
    (r"SWMTKN-1-\w{50}-\w{25}", "TOKEN"),
    (r"\b[0-9a-f]{64}\b", "ID"),
    (r"\b[0-9a-z]{25}\b", "ID"),
    (r'(?m)^[0-9a-z]{12}(?= |\||$)|(?<="ID":")[0-9a-z]{12}(?=")', "ID"),
    (r"(?:less than a second|about an? \w+|\d+ \w+?s?) ago", "AGO"),
    (r"Up (?:less than a second|about an? \w+|\d+ \w+)", "Up AGO"),
    (r"20\.10\.24\+dfsg1", "20.10.24"),
    (r'"serve [\w:]+"', "COMMAND"),  # of the stand-in images of the recording
    (r'"/docker-entrypoint\.…"|"docker-entrypoint\.s…"', "COMMAND"),
    (r"(?m)^(ID  +)[a-z]+_[a-z]+(?=  )", r"\1NAME_BY_CHANCE"),
    (r"(?m)^ +\d+ (overall progress)", r"N \1"),  # how often it was looked at before something happened
    (r"(?m)^real\t0m(\d+)\..*$", r"took \1 s"),
    (r"(?m)^(user|sys)\t.*$", ""),
    (r"(?m) +$", ""),
    (r" {2,}", "  "),  # the width of a column follows what stands in it
)
TASK_LISTS = ("service ps", "stack ps", "node ps")


class Scene(NamedTuple):
    """One transcript: who manages, what happens between the commands, and what is not printed by a command of ours."""

    file: str
    managers: tuple[str, ...] = ("node1",)
    nodes: int = 5
    swarm: bool = True
    before: Mapping[int, tuple] = {}  # number of the entry → seconds to wait, or what to do with the cluster, in turn
    instead: Mapping[str, Callable] = {}  # a command that we lack → what has the same effect
    names: Callable | None = None  # the cluster → what stands for things that an earlier part of the recording made
    skip: Mapping[int, str] = {}  # number of the entry → why it is not played
    files: Mapping[str, str] = {}
    slots: bool = True  # False: which slot had to move is not determined either
    seed: int = 1


class Compared(NamedTuple):
    """One command on both sides, masked."""

    entry: Entry
    number: int
    recorded: list[str]
    ours: list[str]

    @property
    def lines(self) -> int:
        return max(len(self.recorded), len(self.ours))

    @property
    def agreeing(self) -> int:
        blocks = SequenceMatcher(None, self.recorded, self.ours, autojunk=False).get_matching_blocks()
        return sum(block.size for block in blocks)


# ── playing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def swarm(scene: Scene) -> Cluster:
    """Machines as in the recording: they have the images already, and are a swarm where the transcript begins so."""
    computers = tuple(
        Computer(name=f"node{n}", role="bare", address=f"10.77.0.1{n}", cpus=2, memory=24687 * 2**20)
        for n in range(1, scene.nodes + 1)
    )
    cluster = Cluster(computers=computers, seed=scene.seed, messages=False)
    if scene.swarm:
        join_all(cluster, scene)
    for image in ("nginx:alpine", "redis:alpine", "nginx:1.25-alpine", "nginx:1.26-alpine", "redis:7-alpine",
        "acme/broken:1", "alpine:3.19"):  # fmt: skip
        for name in cluster.machines:
            if name.startswith("node"):
                cluster.docker(f"run -d --name warm {image}", name)
                cluster.docker("rm -f warm", name)
    cluster.run_for(5)
    return cluster


def join_all(cluster: Cluster, scene: Scene) -> None:
    cluster.docker("swarm init --advertise-addr 10.77.0.11", "node1")
    for n in range(2, scene.nodes + 1):
        role = "manager" if f"node{n}" in scene.managers else "worker"
        token = cluster.docker(f"swarm join-token -q {role}", "node1").stdout.strip()
        joined = cluster.docker(f"swarm join --token {token} 10.77.0.11:2377", f"node{n}")
        assert joined.exit_code == 0, joined.stderr


def play(scene: Scene, entries: list[Entry], pause: float = 1.0) -> tuple[list[Compared], list[tuple[int, Entry, str]]]:
    """What was compared, and what was left out because we lack the command."""
    cluster = swarm(scene)
    names = scene.names(cluster) if scene.names else {}
    compared, left_out = [], []
    for number, entry in enumerate(entries):
        for act in scene.before.get(number, (pause,)):
            act(cluster) if callable(act) else cluster.run_for(act)
        command = entry.command.removeprefix("time ")
        if number in scene.skip:
            left_out.append((number, entry, scene.skip[number]))
        elif command in scene.instead:
            scene.instead[command](cluster)
            left_out.append((number, entry, "done in another way: the command comes later"))
        elif not supported(command):
            left_out.append((number, entry, "a command, or a part of one, that comes later"))
        else:
            begun = cluster.now
            texts, code = run(cluster, entry.machine, translated(command, names), scene.files)
            if entry.command.startswith("time "):
                texts = [f"{text}\nreal\t0m{cluster.now - begun:.3f}s" for text in texts]
            names |= same_things(entry.output, texts[0])
            recorded = lines(entry.output, entry.exit_code, command, scene.slots)
            # A terminal shows stdout and stderr as they come, a result keeps them apart: the likelier order counts.
            both = [Compared(entry, number, recorded, lines(text, code, command, scene.slots)) for text in texts]
            compared.append(max(both, key=lambda one: one.agreeing))
    return compared, left_out


def supported(command: str) -> bool:
    words = command.split()
    if words[0] != "docker" or "--pretty" in words or re.search(r"\| (?!uniq|head|sort|awk)|logs|xargs", command):
        return False
    name = " ".join(words[1:3])
    template = "--format" in command and words[1] in ("info", "version")
    return (name in BY_NAME or words[1] in BY_NAME) and not template


def run(cluster: Cluster, machine: str, command: str, files: Mapping[str, str]) -> tuple[list[str], int]:
    """What a shell would print, stdout first or stderr first. Knows `$(…)`, `| uniq -c`, `| sort`, `| head -3` and a little `| awk`."""
    inner = re.search(r"\$\((docker .*?)\)", command)
    if inner:
        command = command.replace(inner[0], " ".join(run(cluster, machine, inner[1], files)[0][0].split()))
    command, *pipes = [part.strip() for part in command.replace("2>&1", "").split(" | ")]
    result = cluster.docker(command.removeprefix("docker "), machine, files=dict(files))
    texts = (result.stdout + result.stderr, result.stderr + result.stdout)
    return ["\n".join(piped(text.splitlines(), pipes)) for text in texts], 0 if pipes else result.exit_code


def piped(text: list[str], pipes: list[str]) -> list[str]:
    for pipe in pipes:
        word, *rest = shlex.split(pipe)
        if word == "uniq":
            text = [f"{len(list(same)):7} {line}" for line, same in groupby(text)]
        elif word == "sort":
            text = sorted(text)
        elif word == "awk":  # as in "/Down/{print $1}"
            wanted, field = re.fullmatch(r"/(\w+)/\{print \\?\$(\d)\}", rest[0]).groups()
            text = [line.split()[int(field) - 1] for line in text if wanted in line]
        else:
            text = text[: int(rest[0].removeprefix("-"))]
    return text


def translated(command: str, names: Mapping[str, str]) -> str:
    for theirs, ours in names.items():
        command = command.replace(theirs, ours)
    return command


def same_things(recorded: str, ours: str) -> dict[str, str]:
    """Which of our tokens stands for which recorded one."""
    pattern = r"SWMTKN-1-\w{50}-\w{25}"
    return dict(zip(re.findall(pattern, recorded), re.findall(pattern, ours), strict=False))


# ── comparing ────────────────────────────────────────────────────────────────────────────────────────────────────


def lines(text: str, code: int, command: str, slots: bool) -> list[str]:
    tasks = command.removeprefix("docker ").startswith(TASK_LISTS)
    text = text if not tasks else text + "\n" + per_node(text)
    for pattern, place in MASKS:
        text = re.sub(pattern, place, text)
    if tasks:
        text = re.sub(r"\bnode\d\b", "NODE", text)
    if not slots:
        text = re.sub(r"\b([a-z]\w*)\.\d+\b", r"\1.SLOT", text)
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if "stack" in command or "sort" in command or not slots:
        found.sort()  # Docker's client takes the parts of a stack in random order
    return found + ([f"[exit {code}]"] if code else [])


def per_node(text: str) -> str:
    """How many tasks that should run each node has, without saying which."""
    wanted = [line for line in text.splitlines() if "Shutdown" not in line]
    counts = Counter(re.findall(r"(?m)(?<=\s)node\d\b", "\n".join(wanted)))
    return f"tasks per node: {sorted(counts.values())}"
