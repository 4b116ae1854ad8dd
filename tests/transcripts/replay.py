"""Plays a recorded transcript again on our own cluster, and compares line by line what is printed.

Every line that was recorded counts, also those of commands that the simulation does not have. `MASKS` hides on both
sides what differs from run to run (ids, times, chance); how many tasks each node has is compared without saying which.
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
from swarmlab.world import Computer

TASK_LISTS = ("service ps", "stack ps", "node ps")


class Mask(NamedTuple):
    """What is hidden, where (`all`, `tasks`: lists of tasks, `ties`: scenes in which equal slots may swap), and how."""

    name: str
    where: str
    pattern: str
    place: str


ID = r"\b[0-9a-f]{64}\b|\b[0-9a-z]{25}\b|(?m:^)[0-9a-z]{12}(?= |\||(?m:$))|(?<=\")[0-9a-z]{12}(?=\")|\.[0-9a-z]{12}(?=@)|\bDIGEST\b"
SPAN = r"(?:[Ll]ess than a second|[Aa]bout an? \w+|\d+ (?:second|minute|hour)s?)"
DATE = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| \+0000 (?:utc|UTC))"
MASKS = (
    Mask("secrets and keys", "all", r"SWMTKN-1-\w{50}-\w{25}|SWMKEY-1-[\w+/]{43}|(?<![\w+/])[\w+/]{80,}={0,2}|-{5}BEGIN.*?END C\w+-{5}(?:\\n)?", "KEY"),
    Mask("ids", "all", ID, "ID"),
    Mask("numbers that count writes or processes", "all", r"(?<=\"Index\": )\d+|(?<=\"Index\":)\d+|(?<=\"PID\": )\d+", "N"),
    Mask("times", "all", rf"{SPAN}(?: ago)?|{DATE}|(?<=\tm)\d+\.\d+s|(?<=real\t0m)[\d.]+s|(?:(?<=user\t)|(?<=sys\t)).*|(?m:^) +\d+ (?=overall|verify)|\b[A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d(?= )", "TIME "),
    Mask("the build of the recorded engine", "all", r"\+dfsg1", ""),
    Mask("the program of a stand-in image", "all", r'"serve [\w:]+"|"/docker-entrypoint\.…"|"docker-entrypoint\.s…"', "PROGRAM"),
    Mask("names by chance", "all", r"(?m)^(ID  +)[a-z]+_[a-z]+(?=  )", r"\1NAME"),
    Mask("the width of columns", "all", r" {2,}|(?m: +$)", "  "),
    Mask("which of equal nodes", "tasks", r"\bnode\d\b", "NODE"),
    Mask("which of equal slots", "ties", r"(?:(?<=[a-z])|(?<=[a-z]\d))\.\d+\b", ".SLOT"),
)  # fmt: skip


class Scene(NamedTuple):
    """One transcript: who manages, and what happens between the commands."""

    file: str
    managers: tuple[str, ...] = ("node1",)
    nodes: int = 5
    swarm: bool = True
    before: Mapping[int, tuple] = {}  # number of the entry → seconds to wait, or what to do with the cluster, in turn
    names: Callable | None = None  # the cluster → what stands for things that an earlier part of the recording made
    files: Mapping[str, str] = {}
    slots: bool = True  # False: which slot had to move is not determined either
    seed: int = 1
    pause: float = 1.0  # seconds between two commands


class Compared(NamedTuple):
    """One command on both sides, masked."""

    entry: Entry
    number: int
    recorded: list[str]
    ours: list[str]
    spread: bool = True  # as many tasks on each node, in some order

    @property
    def lines(self) -> int:
        return len(self.recorded)

    @property
    def agreeing(self) -> int:
        """Lines that agree; one that we print and Docker does not takes one away."""
        blocks = SequenceMatcher(None, self.recorded, self.ours, autojunk=False).get_matching_blocks()
        surplus = max(0, len(self.ours) - len(self.recorded))
        return max(0, sum(block.size for block in blocks) - surplus - (not self.spread))

    @property
    def differs(self) -> bool:
        return self.recorded != self.ours or not self.spread


# ── playing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def swarm(scene: Scene) -> Cluster:
    """Machines as in the recording: they have the images already, and are a swarm where the transcript begins so."""
    computers = tuple(
        Computer(name=f"node{n}", role="bare", address=f"10.77.0.1{n}", cpus=2, memory=25276514304)
        for n in range(1, scene.nodes + 1)
    )
    cluster = Cluster(computers=computers, seed=scene.seed, messages=False)
    if scene.swarm:
        join_all(cluster, scene)
    for image in ("nginx:alpine", "redis:alpine", "nginx:1.25-alpine", "nginx:1.26-alpine", "nginx:1.27-alpine",
        "redis:7-alpine", "acme/broken:1", "acme/web:1", "acme/web:2", "acme/web:bad", "alpine:3.19"):  # fmt: skip
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


def play(scene: Scene, entries: list[Entry]) -> list[Compared]:
    """All that was recorded, beside what the same commands print here."""
    cluster = swarm(scene)
    names = scene.names(cluster) if scene.names else {}
    compared = []
    for number, entry in enumerate(entries):
        if "docker" not in entry.command and entry.machine != "API":
            continue  # a file that was shown
        if entry.machine == "API":  # a request over HTTP: the simulation has no server yet
            compared.append(Compared(entry, number, entry.output.splitlines(), []))
            continue
        for act in scene.before.get(number, (scene.pause,)):
            act(cluster) if callable(act) else cluster.run_for(act)
        begun = cluster.now
        texts, code = run(cluster, entry.machine, translated(entry.command, names), scene.files)
        if entry.command.startswith("time "):
            texts = [f"{text}\nreal\t0m{cluster.now - begun:.3f}s\nuser\t\nsys\t" for text in texts]
        names |= same_things(entry.output, texts[0])
        recorded = lines(entry.output, entry.exit_code, entry.command, scene)
        # A terminal shows stdout and stderr as they come, a result keeps them apart: the likelier order counts.
        both = [Compared(entry, number, recorded, lines(text, code, entry.command, scene)) for text in texts]
        best = max(both, key=lambda one: one.agreeing)
        spread = not is_task_list(entry.command) or per_node(entry.output) == per_node(texts[0])
        compared.append(best._replace(spread=spread))
    return compared


def run(cluster: Cluster, machine: str, command: str, files: Mapping[str, str]) -> tuple[list[str], int]:
    """What a shell would print, stdout first or stderr first. Knows `$(…)`, and some programs before and after `|`."""
    inner = re.search(r"\$\((docker .*?)\)", command)
    if inner:
        command = command.replace(inner[0], " ".join(run(cluster, machine, inner[1], files)[0][0].split()))
    merged = "2>&1" in command
    parts = [part.strip() for part in command.removeprefix("time ").replace("2>&1", "").split(" | ")]
    given = {} if parts[0].startswith("docker ") else {"-": written(parts.pop(0))}
    result = cluster.docker(parts[0].removeprefix("docker "), machine, files={**files, **given})
    out, errors = result.stdout, result.stderr
    if parts[1:] and not merged:  # what is said on stderr goes past the pipes
        return ["\n".join([errors.rstrip("\n"), *piped(out.splitlines(), parts[1:])])] * 2, 0
    texts = [piped(text.splitlines(), parts[1:]) for text in (out + errors, errors + out)]
    return ["\n".join(text) for text in texts], 0 if parts[1:] else result.exit_code


def written(command: str) -> str:
    """What a program before the first `|` writes."""
    word, *rest = shlex.split(command)
    return "\0" * int(rest[1]) if word == "head" else " ".join(rest) + "\n" * (word == "echo")


def piped(text: list[str], pipes: list[str]) -> list[str]:
    for pipe in pipes:
        word, *rest = shlex.split(pipe)
        if word == "uniq":
            text = [f"{len(list(same)):7} {line}" for line, same in groupby(text)]
        elif word == "sort":
            text = sorted(text)
        elif word == "sed":  # -n '1p;$p' or -n '/from/,/to/p'
            ends = re.findall(r"/(\w+)/", rest[1])
            first, last = [next(n for n, line in enumerate(text) if end in line) for end in ends] or (0, 0)
            text = text[first : last + 1] if ends else text[:1] + text[-1:]
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
    """Which of our tokens and keys stands for which recorded one."""
    pattern = r"SWMTKN-1-\w{50}-\w{25}|SWMKEY-1-[\w+/]{43}"
    return dict(zip(re.findall(pattern, recorded), re.findall(pattern, ours), strict=False))


# ── comparing ────────────────────────────────────────────────────────────────────────────────────────────────────


def is_task_list(command: str) -> bool:
    return command.removeprefix("docker ").startswith(TASK_LISTS)


def lines(text: str, code: int, command: str, scene: Scene) -> list[str]:
    hidden = {"all": True, "tasks": is_task_list(command) or "service logs" in command, "ties": not scene.slots}
    for mask in MASKS:
        if hidden[mask.where]:
            text = re.sub(mask.pattern, mask.place, text, flags=re.DOTALL if "BEGIN" in mask.pattern else 0)
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if "stack" in command or "sort" in command or not scene.slots:
        found.sort()  # Docker's client takes the parts of a stack in random order
    return found + ([f"[exit {code}]"] if code else [])


def per_node(text: str) -> list[int]:
    """How many tasks that should run each node has, without saying which."""
    wanted = [line for line in text.splitlines() if "Shutdown" not in line]
    return sorted(Counter(re.findall(r"(?m)(?<=\s)node\d\b", "\n".join(wanted))).values())
