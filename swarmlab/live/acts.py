"""What the buttons of the board do: acts of the cluster like any others, so that they are recorded."""

from collections.abc import Callable, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from ..cluster import read
from ..docker.cli import Result, execute
from ..docker.conductor import READING, Asking, Gone
from ..docker.plan import NOTE
from ..docker.session import Interrupted
from ..effects import SECOND
from ..world import OUTSIDE
from .side import Side

if TYPE_CHECKING:
    from .board import Live


LIMIT = 120 * SECOND  # of simulated time; then a command that would go on for ever ends as by Ctrl-C


class Typing(Asking):
    """Somebody who types a docker command beside the board. Its files are those of the notebook."""

    def __init__(self, conductor: Any, machine: str, said: str):
        super().__init__(conductor, machine, said)
        self.until = self.now + LIMIT

    def call(self, request: Any) -> Any:
        """The engine's reply. The trace tells of the command once, however many requests it takes."""
        try:
            return super().call(request)
        finally:
            if not type(request).__name__.startswith(READING):
                self.said = ""

    def wait(self, duration: int) -> None:
        """Let so many µs pass. Raises `Interrupted` when the time for the command is over."""
        super().wait(max(0, min(duration, self.until - self.now)))
        if self.now >= self.until:
            raise Interrupted

    def read(self, path: str) -> bytes:
        """A file, looked up from the current folder, then from the project's root."""
        return read(path)


def docker(live: "Live", side: Side, board: str, command: str, node: str = "") -> None:
    """A docker command, on the first manager that answers unless a machine is named. It lasts as long as it would."""
    command = command.strip().removeprefix("docker ").strip()
    machine = side.cluster._machine(node).name if node else side.cluster._first_manager()
    number = live._ask(board, f"$ docker {command}")
    try:
        if side.conductor is None:
            result = side.cluster.docker(command, machine)
        else:
            result = execute(command, Typing(side.conductor, machine, f"docker {command}"))
    except Gone:
        result = Result("", f"{machine} gave no answer: it is off, or the clock was stopped", 1)
    live._answer(number, *_printed(result), ok=result.exit_code == 0)


def _printed(result: Result) -> tuple[str, str]:
    """What docker answered in a line (what it refused, else what it said last), and all of it."""
    text = (result.stderr + result.stdout).rstrip() or f"exit code {result.exit_code}"
    lines = [line for line in text.splitlines() if not line.startswith(NOTE)] or [text]  # a note is no answer
    telling = lines[-1] if not result.exit_code else lines[0]
    return telling.strip(), text if len(lines) > 1 else ""


def deploy(live: "Live", side: Side, board: str, file: str, name: str) -> None:
    """`docker stack deploy` of one of the files."""
    docker(live, side, board, f"stack deploy -c {quote(file)} {quote(name)}")


def scale(live: "Live", side: Side, board: str, service: str, replicas: int) -> None:
    """`docker service scale`."""
    docker(live, side, board, f"service scale -d {service}={replicas}")


def available(live: "Live", side: Side, board: str, machine: str, availability: str) -> None:
    """`docker node update --availability`: drain, active, or pause."""
    docker(live, side, board, f"node update --availability {availability} {machine}")


def kill(live: "Live", side: Side, board: str, machine: str) -> None:
    """Power off, all of a sudden."""
    _by_hand(
        live, board, f"pull the plug of {machine}", f"{machine} has lost power", lambda: side.cluster.crash(machine)
    )


def restart(live: "Live", side: Side, board: str, machine: str) -> None:
    """Boot a machine."""
    _by_hand(live, board, f"switch {machine} on", f"{machine} boots", lambda: side.cluster.restart(machine))


def partition(live: "Live", side: Side, board: str, machines: Sequence[str]) -> None:
    """Cut these machines off from all others."""
    others = [name for name in side.cluster.machines if name not in OUTSIDE and name not in machines]
    names = " ".join(machines) or "nobody"

    def cut() -> None:
        if not machines or not others:
            raise ValueError("choose some of the machines, and leave some: a partition has two sides")
        side.cluster.partition(list(machines), others)

    _by_hand(live, board, f"cut off {names}", f"{names} | {' '.join(others)}", cut)


def heal(live: "Live", side: Side, board: str) -> None:
    """Mend all partitions."""
    _by_hand(live, board, "mend the network", "all cuts are mended", side.cluster.heal)


def fork(live: "Live", side: Side, board: str, time: int | None = None) -> None:
    """Another future, from the instant that is shown (µs), or from now."""

    def split() -> None:
        with side.cluster.turn:
            now = side.cluster.kernel.now
            twin = side.cluster.fork() if time is None or time >= now else side.cluster.past(max(0, time))
        other = Side(twin, live._without)
        if side.conductor:
            other.start(live.pace)
            other.turn(None, side.conductor.paused)
        with live._sending:
            gone, live._sides = live._sides.get("B"), {**live._sides, "B": other}
            live._sequence += 1
            live.send({"seq": live._sequence, "begun": {"B": other.follower.whole()}, "state": live._state()})
        for left in (gone, other if live._over.is_set() else None):  # nobody would stop their clocks later
            if left:
                left.stop()

    if not isinstance(time, int | None):
        raise ValueError(f"no instant: {time!r}; fork(time=…) takes µs")
    said = "from now" if time is None else f"from {max(0, time) / 1e6:.1f} s"
    _by_hand(live, board, f"fork {board} {said}", "board B is live.twin: another cluster, with another future", split)


def unfork(live: "Live", side: Side, board: str) -> None:
    """Close board B."""
    _by_hand(live, "A", "close board B", "its future ends here", lambda: _close_twin(live))


def _close_twin(live: "Live") -> None:
    with live._sending:
        gone = live._sides.get("B")
        live._sides = {"A": live._sides["A"]}
    if gone:
        gone.stop()


def clock(live: "Live", side: Side, board: str, paused: bool | None = None, pace: float | None = None) -> None:
    """Let the time of both boards stand still, or go on, or go at another pace."""
    for each in live._sides.values():
        each.turn(pace, paused)


def _by_hand(live: "Live", board: str, asked: str, done: str, act: Callable[[], Any]) -> None:
    """Something that no docker command does."""
    number = live._ask(board, asked)
    try:
        act()
    except ValueError as refusal:
        return live._answer(number, str(refusal), ok=False)
    live._answer(number, done)


ACTS: dict[str, Callable] = {
    act.__name__: act for act in (docker, deploy, scale, available, kill, restart, partition, heal, fork, unfork, clock)
}
