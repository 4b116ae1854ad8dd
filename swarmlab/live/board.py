"""The widget: what it sends to the browser, and what it hears from there."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, RLock, Thread, local
from time import monotonic
from typing import Any, NamedTuple

import anywidget
import traitlets

from ..cluster import Cluster, find
from ..viz.frames import summary, world_at
from ..viz.player import BOARD, LAYERS, STATIC
from ..viz.words import ROUTINE
from ..world import OUTSIDE
from .acts import ACTS
from .side import Side

EVERY, ATLEAST = (
    0.1,
    0.06,
)  # seconds of the wall clock between two updates: where time passes, and where much is clicked
ATONCE = 16  # commands that may wait for their answers at the same time
KEPT = 8  # answers that are shown
LONGEST = 4_000  # characters of an answer
LONG = 1_000_000  # facts and messages, about 150 MB of a browser: then the world pauses until somebody wants more
WIDE = 960  # pixels of the page, for the still picture
PATIENCE = 600  # seconds without a sign of life, after which nothing is sent until somebody looks again


class Said(NamedTuple):
    """Something that was done by a button, and what came of it."""

    number: int
    board: str
    asked: str
    line: str = ""  # '' while nobody has answered
    text: str = ""  # all of the answer, where that is more than a line
    ok: bool = True


class Live(anywidget.AnyWidget):
    """A running cluster on the board. Its time begins to follow the wall clock, `pace` simulated seconds for each real one,
    when somebody sees the board (or by `start()`); where the cluster has a clock already, as with `cluster.serve()`, the
    board joins it. So a notebook that nobody looks at comes out the same each time.

    Space lets the world pause, and go on. Arrows, Home, and the time line go back: the world goes on meanwhile, and End, or
    the button *now*, returns to it. With a machine of the board in focus K kills it, R restarts it, D drains and A activates it,
    X chooses it for a partition; + and − change the pace, F forks here, ? tells all of this. After *fork here*, `twin` is the other
    cluster, and both go on side by side. What is done by buttons are acts of the cluster like any others: they are recorded.
    """

    _esm = BOARD + (STATIC / "live.js").read_text(encoding="utf-8")
    _css = "".join((STATIC / name).read_text(encoding="utf-8") for name in ("player.css", "live.css"))

    whole = traitlets.Dict().tag(sync=True, to_json=lambda _, board: board._all())
    lens = traitlets.Unicode("truth").tag(sync=True)
    layers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    height = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        cluster: Cluster,
        pace: float | None = None,
        height: int = 0,
        lens: str = "truth",
        layers: Sequence[str] = LAYERS,
        stacks: Sequence[str] | None = None,
    ):
        self._over, self._news, self._follows = Event(), Event(), False
        if pace is not None and (isinstance(pace, bool) or not isinstance(pace, int | float) or not 0 <= pace <= 1000):
            raise ValueError(f"a pace of {pace!r}: a number from 0 to 1000")
        names = ["truth", *(name for name in cluster.machines if name not in OUTSIDE)]
        if lens not in names:
            raise ValueError(f"lens {lens!r} is none of: {', '.join(names)}")
        self._without = () if "heartbeats" in layers else ROUTINE
        self._sides = {"A": Side(cluster, self._without)}
        self._pace = pace
        self._stacks = list(_stack_files() if stacks is None else stacks)
        self._sending, self._answering = RLock(), Lock()
        self._sequence = 0
        self._known: dict[str, Any] = {}  # the state that was sent last
        self._said: list[Said] = []
        self._asked = local()  # .number of what this thread carries out, until it is answered
        self._busy: list[Thread] = []
        self._views, self._heard = 0, monotonic()
        self._seen = self._asleep = False  # whether anybody ever looked; whether nobody has for long
        running = cluster._conductor
        rows = self._sides["A"].follower.whole()
        followed = running is not None and not running.stopped
        self._first = f"{len(names) - 1} machines, whose time follows the clock" if followed else _told(rows, lens)
        self._picture = rows
        super().__init__(lens=lens, layers=list(layers), height=height)
        self.on_msg(self._hear)
        self._let_it_choose()

    # ── what learners see of it in Python ────────────────────────────────────────────────────────────────────────

    @property
    def cluster(self) -> Cluster:
        """The cluster of board A."""
        return self._sides["A"].cluster

    @property
    def twin(self) -> Cluster | None:
        """The cluster of board B, after a fork."""
        return self._sides["B"].cluster if "B" in self._sides else None

    @property
    def pace(self) -> float:
        """Simulated seconds for each real one."""
        conductor = self._sides["A"].conductor or self.cluster._conductor
        return conductor.pace if conductor else 1.0 if self._pace is None else self._pace

    @property
    def said(self) -> tuple[Said, ...]:
        """The last things that were done by buttons, and what came of them."""
        return tuple(self._said)

    def start(self) -> "Live":
        """Let time pass, and the board follow it. The first view does this by itself."""
        if not self._follows and not self._over.is_set():
            self._follows = True
            self._sides["A"].start(self._pace)
            Thread(target=self._follow, name="swarmlab board", daemon=True).start()
        return self

    def close(self) -> None:
        """Follow no longer, and stop the clock if it was started for this board. What was drawn stays."""
        if self._over.is_set():
            return
        self._over.set()
        if not self._follows:
            return
        for side in self._sides.values():
            side.stop()
        with suppress(Exception):  # there may be nobody left to tell
            self.look()

    def __repr__(self) -> str:
        return f"Live({_told(self._sides['A'].follower.rows, self.lens)})"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget; and, for those who have none, how the world was when the board was made: a line and a picture."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        still, words = self._still(), f"The board of a cluster before it was followed: {self._first}"
        data = {**(data or {}), "text/plain": f"Live({self._first})", **({"image/png": still} if still else {})}
        return data, {**metadata, **({"image/png": {"alt": words, "width": WIDE}} if still else {})}

    def _still(self) -> bytes | None:
        try:
            from ..viz import ink
            from ..viz.filmstrip import draw_filmstrip
        except ImportError:
            return None
        rows = self._picture
        return ink.png(draw_filmstrip(rows, [rows["end"] / 1e6], self.lens))

    # ── to the browser ───────────────────────────────────────────────────────────────────────────────────────────

    def _follow(self) -> None:
        while not self._over.wait(ATLEAST):
            self._news.wait(EVERY - ATLEAST)
            self._news.clear()
            self._pause_if_long()
            if self._is_watched():
                self.look()
            elif self._seen and not self._asleep and monotonic() - self._heard > PATIENCE:
                self._sleep(True)

    def _sleep(self, yes: bool) -> None:
        """A world that nobody looks at any more (the cell was run again, the page is gone) rests, if its clock is ours."""
        awake = [side for side in self._sides.values() if side.is_ours and (not yes or not side.stands_still)]
        self._asleep = yes and bool(awake)
        for side in awake:
            side.turn(None, yes)

    def _pause_if_long(self) -> None:
        """A forgotten board must not fill the memory of a browser. Who lets time go on has as much again."""
        for board, side in self._sides.items():
            count = sum(len(side.follower.rows[name]) for name in ("facts", "messages"))
            if count > side.long * LONG:
                side.long *= 2
                self.do("clock", paused=True)
                self._answer(self._ask(board, "a long run"), f"{count} facts and messages: paused. Space goes on")

    def _is_watched(self) -> bool:
        """Whether somebody may be looking: pages that are gone say nothing any more."""
        return self._views > 0 and monotonic() - self._heard < PATIENCE

    def look(self) -> None:
        """Send what is new, if anything is: of the boards, and of what stands around them."""
        with self._sending:
            pieces = {name: piece for name, side in self._sides.items() if (piece := side.follower.more())}
            state = self._state()
            news = {key: value for key, value in state.items() if self._known.get(key) != value}
            if not pieces and not news:
                return
            self._known = state
            self._sequence += 1
            self.send({"seq": self._sequence, "pieces": pieces, "state": news})
            self._let_it_choose()

    def send_state(self, key: Any = None) -> None:
        """All of it, as some page asked; no piece that is newer may overtake it."""
        with self._sending:
            super().send_state(key)

    def _let_it_choose(self) -> None:
        """Clicks come to the subshell that the page chose. ipykernel 7.4 would take them to the shell that spoke to the page
        last, where they wait for the end of the cell."""
        getattr(self.comm, "__dict__", {}).pop("_reply_subshell_id", None)

    def _all(self) -> dict[str, Any]:
        """Everything so far, for a view that comes late."""
        with self._sending:
            self._known = self._state()
            boards = {name: side.follower.whole() for name, side in self._sides.items()}
            return {"seq": self._sequence, "boards": boards, "state": self._known}

    def _state(self) -> dict[str, Any]:
        return {
            "pace": self.pace,
            "paused": self._sides["A"].stands_still,
            "over": self._over.is_set(),
            "twin": "B" in self._sides,
            "stacks": self._stacks,
            "said": [list(said) for said in self._said],
        }

    # ── from the browser ─────────────────────────────────────────────────────────────────────────────────────────

    def _hear(self, _: Any, content: Any, buffers: Any) -> None:
        """What a view says: that it is there, that it missed something, or what somebody clicked."""
        self._heard = monotonic()
        if self._asleep and content != {"open": False}:
            self._sleep(False)
        match content:
            case {"open": True}:
                self._views += 1
                self._seen = True
                self.start()
            case {"open": False}:
                self._views = max(0, self._views - 1)
            case {"ask": "whole"}:
                self.send_state("whole")
            case {"got": int()}:
                self._views = max(1, self._views)  # a page that was loaded again, or was away
            case {"do": str()}:
                details = {str(key): value for key, value in content.items()}
                self.do(details.pop("do"), **details)

    def do(self, name: str, /, board: str = "A", **details: Any) -> None:
        """Do what a button does, in the background: `settle` waits for the answer, which is in `said`."""
        act = ACTS.get(name)
        if act is None or board not in self._sides or self._over.is_set():
            return
        self._busy = [thread for thread in self._busy if thread.is_alive()]
        if len(self._busy) >= ATONCE:
            return self._answer(self._ask(board, name), f"{ATONCE} commands wait for their answers already", ok=False)
        thread = Thread(
            target=self._carry_out, args=(act, self._sides[board], board, details), name=f"swarmlab {name}", daemon=True
        )
        self._busy.append(thread)
        thread.start()

    def settle(self, seconds: float = 30) -> None:
        """Wait until everything that was asked for is answered, in seconds of the wall clock."""
        for thread in list(self._busy):
            thread.join(seconds)

    def _carry_out(self, act: Callable, side: Side, board: str, details: dict[str, Any]) -> None:
        name = act.__name__
        try:
            act(self, side, board, **details)
        except Exception as trouble:  # a thread of its own: who clicked would never hear of it
            refused = isinstance(trouble, ValueError | OSError)
            line = str(trouble) if refused else f"{name} could not be done: {type(trouble).__name__}: {trouble}"
            number = getattr(self._asked, "number", 0) or self._ask(board, name)
            self._answer(number, " ".join(line.split()), ok=False)
        self._news.set()

    def _ask(self, board: str, asked: str) -> int:
        """Write down what somebody wants. The answer is told later, by this number."""
        with self._answering:
            number = self._said[-1].number + 1 if self._said else 1
            self._said = [*self._said[1 - KEPT :], Said(number, board, asked)]
            self._asked.number = number
            return number

    def _answer(self, number: int, line: str, text: str = "", ok: bool = True) -> None:
        with self._answering:
            told = [
                said._replace(line=line, text=text[:LONGEST], ok=ok) for said in self._said if said.number == number
            ]
            self._said = [told[0] if said.number == number else said for said in self._said]
            self._asked.number = 0


def _told(rows: dict[str, Any], lens: str) -> str:
    return summary(world_at(rows, rows["end"], lens))


def _stack_files() -> list[str]:
    """The stack files that come with the project, if they are there."""
    folder = Path(find("data/stacks"))
    return [f"data/stacks/{file.name}" for file in sorted(folder.glob("*.yml"))] if folder.is_dir() else []
