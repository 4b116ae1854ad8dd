"""Plays the stories of this folder: small scripts, each act followed by what came of it.

    make golden    writes what came of it down anew; read the diff

A story is a text file. Lines with `#` say what it shows and which rule that is, lines with `>` are acts on a bare group of
raft members: both are written by hand. The indented lines are written by this program: the facts of the trace in words,
and, after `> messages on`, what the members say to each other.

Not told: that machines boot for the first time, which members a leader counts as reachable, and what an act has just
done to a disk. Between `> quiet` and `> listen` facts are only counted. `leader` stands for the machine that leads,
`rest` for all that were not named.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from swarmlab.effects import Disk
from swarmlab.events import DiskChanged, DiskDamaged, GroupChanged, ReachabilityChanged
from swarmlab.group import RaftGroup
from swarmlab.raft import PAPER, SWARMKIT
from swarmlab.raft.core import Settings
from swarmlab.viz.words import ROUTINE, text_of

HERE = Path(__file__).parent
INDENT = "    "
UNTOLD = (ReachabilityChanged, DiskChanged, DiskDamaged)

SAID: dict[str, Callable[..., str]] = {  # the `brief` of each message in words
    "RequestVote": lambda index, term: f"my log ends at {index} of term {term}",
    "PreVoteRequest": lambda index, term: f"my log ends at {index} of term {term}",
    "Vote": lambda granted: "yes" if granted else "no",
    "PreVote": lambda granted: "yes" if granted else "no",
    "AppendEntries": lambda previous, number, commit: f"{entries(previous, number)}; {commit} is committed",
    "Appended": lambda match: f"I hold {match}",
    "Mismatched": lambda refused, hint: f"no such {refused} here; we may agree up to {hint}",
    "Heartbeat": lambda commit: f"{commit} is committed",
    "InstallSnapshot": lambda index: f"what all up to {index} led to",
}


def play(script: str) -> str:
    """The script, with what happens at each act below it."""
    teller, told = Teller(), []
    for line in script.splitlines():
        if line.startswith(INDENT):
            continue
        told.append(line)
        if line.startswith("> "):
            told += [INDENT + said for said in teller.do(line[2:])]
    return "\n".join(told) + "\n"


class Teller:
    """One group, what is done to it, and what is to be told of it."""

    def __init__(self) -> None:
        self.group = RaftGroup(1)
        self.facts = self.messages = 0  # told so far
        self.hears: tuple[str, ...] | None = None  # messages that are not told; None: tell none of them
        self.loud = True

    def do(self, line: str) -> list[str]:
        """One act, and what came of it."""
        name, *words = line.split()
        plain, named = [word for word in words if "=" not in word], dict(w.split("=") for w in words if "=" in w)
        answer = ACTS[name](self, *plain, **named)
        return [*self.news(), *(answer or ())] if self.loud else []

    def news(self) -> Iterator[str]:
        """What has happened since it was last told: messages when they are sent, between the facts."""
        records, messages = self.group.trace.records, self.group.trace.messages
        for message in messages[self.messages :]:
            yield from self._facts(message.after)
            if self.hears is not None and message.channel == "raft" and message.name not in self.hears:
                yield spoken(message)
        self.messages = len(messages)
        yield from self._facts(len(records))

    def _facts(self, until: int) -> Iterator[str]:
        for record in self.group.trace.records[self.facts : until]:
            if type(record.fact) not in UNTOLD:
                yield f"{record.time / 1e6:.6f}  {record.source}  {in_words(record.fact)}"
        self.facts = max(self.facts, until)

    def who(self, name: str) -> str:
        return (self.group.leader or "nobody") if name == "leader" else name

    # ── the group and time ───────────────────────────────────────────────────────────────────────────────────────

    def begin(self, members: str, profile: str = "paper", **named: str) -> None:
        given = {name: value(text) for name, text in named.items()}
        changed = {name: given.pop(name) for name in list(given) if name in Settings._fields}
        settings = {"paper": PAPER, "swarmkit": SWARMKIT}[profile]._replace(**changed)
        self.group = RaftGroup(int(members), settings, **given)
        self.facts, self.messages, self.loud, self.hears = len(self.group.trace), 0, True, None

    def run(self, seconds: str) -> None:
        self.group.run_for(float(seconds))

    def until(self, machine: str, verb: str, index: str = "0") -> None:
        """Let time pass until `node-2 leads`, `node-2 campaigns`, `node-2 holds 5` or `node-2 commits 5`; `leader leads`: anybody."""
        assert self.group.run_until(lambda group: UNTIL[verb](group, machine, int(index)), limit=20), "it never happens"

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────

    def crash(self, machine: str, midway: str = "") -> None:
        self.group.crash(self.who(machine), int(midway) if midway else None)

    def restart(self, machine: str) -> None:
        self.group.restart(machine)

    def partition(self, *words: str) -> None:
        """`partition leader | rest`, and `one-way` behind it: nothing gets from the first to the others."""
        sides: list[list[str]] = [[]]
        for word in words:
            if word == "|":
                sides.append([])
            elif word != "one-way":
                sides[-1].append(self.who(word))
        named = {name for side in sides for name in side}
        rest = [name for name in self.group.members if name not in named]
        sides = [rest if side == ["rest"] else side for side in sides]
        self.group.partition(*sides, one_way="one-way" in words)

    def heal(self) -> None:
        self.group.heal()

    def slow_disk(self, machine: str, seconds: str) -> None:
        self.group.slow_disk(self.who(machine), float(seconds))

    def damage(self, machine: str, index: str, how: str = "flip") -> None:
        self.group.damage(machine, int(index), how)

    # ── what people want ─────────────────────────────────────────────────────────────────────────────────────────

    def write(self, to: str = "leader", wait: str = "0", **items: str) -> list[str]:
        (key, text), *_ = items.items()
        error = self.group.write(key, value(text), self.who(to), float(wait))
        return [f"answer: {error or 'done'}"] if float(wait) else []

    def read(self, key: str, at: str = "leader", wait: str = "1") -> list[str]:
        answer = self.group.get(key, self.who(at), float(wait))
        return [f"answer: {answer.error or f'{key} is {answer.output}'}"]

    def time_out(self, *machines: str) -> None:
        self.group.time_out(*map(self.who, machines))

    def align(self) -> None:
        self.group.align()

    def transfer(self, machine: str) -> None:
        self.group.transfer(machine)

    def change(self, joint: str = "off", **named: str) -> None:
        who = {how: [self.who(name) for name in names.split(",")] for how, names in named.items()}
        self.group.change(**who, joint=value(joint))

    # ── what is told ─────────────────────────────────────────────────────────────────────────────────────────────

    def hear(self, which: str) -> None:
        """`messages on` leaves out signs of life, `messages all` does not."""
        self.hears = {"on": ROUTINE, "all": (), "off": None}[which]

    def quiet(self) -> None:
        self.loud = False

    def listen(self) -> list[str]:
        """Tell again, from here on."""
        passed, self.loud = len(self.group.trace) - self.facts, True
        self.facts, self.messages = len(self.group.trace), len(self.group.trace.messages)
        return [f"… {passed} facts"]

    def logs(self) -> Iterator[str]:
        """The term of each entry on disk; in brackets how many a snapshot stands for."""
        for name in self.group.members:
            disk, node = self.group.machines[name].disk("raft"), self.group.nodes.get(name)
            base, terms = before(disk), [str(getattr(entry, "term", "?")) for entry in disk.log]
            ladder = " ".join([f"[{base}]"] * bool(base) + terms) or "nothing"
            part = node.role not in ("broken", "outside") if node else False
            known = f"knows {node.commit} committed" if part else "takes no part" if node else "is off"
            yield f"{name}  {ladder:12}  {known}"

    def terms(self) -> Iterator[str]:
        """Term, vote, role."""
        for name in self.group.members:
            values, node = self.group.machines[name].disk("raft").values, self.group.nodes.get(name)
            vote = (values.get("vote") or "nobody").replace("member", "node")
            yield f"{name}  term {values.get('term', 0)}, voted for {vote}, {node.role if node else 'off'}"


def before(disk: Disk) -> int:
    """The last index that is not in the log on this disk any more."""
    return disk.values.get("base", (0, 0))[0]


def value(text: str) -> Any:
    """`on` and `off`, whole numbers, or text."""
    return {"on": True, "off": False}.get(text, int(text) if text.lstrip("-").isdigit() else text)


def in_words(fact: Any) -> str:
    """What the board says, and of a change of the group the rest of it, too."""
    more = ""
    if type(fact) is GroupChanged:
        more += f"; and the old ones: {' '.join(fact.outgoing)}" if fact.outgoing else ""
        more += f"; without a vote: {' '.join(fact.learners)}" if fact.learners else ""
    return text_of(fact) + more


def entries(previous: int, number: int) -> str:
    """What an append carries."""
    first, last = previous + 1, previous + number
    return f"{f'{first} to {last}' if number > 1 else first if number else 'nothing'} behind {previous}"


def spoken(message: Any) -> str:
    """Who says what to whom, and whether it never got there."""
    said = SAID[message.name](*message.brief) if message.name in SAID else ""
    fate = f" ({message.fate})" if message.fate else ""
    return f"{message.sent / 1e6:.6f}  {message.sender} → {message.to}  {message.name}{': ' * bool(said)}{said}{fate}"


UNTIL: dict[str, Callable[[RaftGroup, str, int], bool]] = {
    "leads": lambda group, machine, index: group.leader is not None and machine in (group.leader, "leader"),
    "campaigns": lambda group, machine, index: group.nodes[machine].role == "candidate",
    "holds": lambda group, machine, index: group.nodes[machine].log.last_index >= index,
    "commits": lambda group, machine, index: group.commits()[machine] >= index,
}

ACTS: dict[str, Callable[..., Any]] = {
    "group": Teller.begin,
    "run": Teller.run,
    "until": Teller.until,
    "crash": Teller.crash,
    "restart": Teller.restart,
    "partition": Teller.partition,
    "heal": Teller.heal,
    "slow-disk": Teller.slow_disk,
    "damage": Teller.damage,
    "write": Teller.write,
    "read": Teller.read,
    "time-out": Teller.time_out,
    "align": Teller.align,
    "transfer": Teller.transfer,
    "change": Teller.change,
    "messages": Teller.hear,
    "quiet": Teller.quiet,
    "listen": Teller.listen,
    "logs": Teller.logs,
    "terms": Teller.terms,
}


def rewrite(folder: Path = HERE) -> list[str]:
    """Write down what happens now. Says which stories are not what they were."""
    changed = []
    for path in sorted(folder.glob("*.txt")):
        was, now = path.read_text(encoding="utf-8"), play(path.read_text(encoding="utf-8"))
        if now != was:
            path.write_text(now, encoding="utf-8")
            changed.append(path.name)
    return changed


if __name__ == "__main__":
    for name in rewrite():
        print(f"{name}: changed")
