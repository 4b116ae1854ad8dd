"""Who checks what when a machine joins: the messages of one join, and on whose side each question is asked.

The joining machine checks that the swarm is the one which its token names; a manager checks the secret, and the token
alone decides the role. Nothing stands behind the check that said no.
"""

from textwrap import wrap
from typing import Any, NamedTuple

from matplotlib.axes import Axes

from ..events import Commanded, CommandReturned
from . import ink

__all__ = ["Item", "draw_handshake", "handshake", "tell_handshake"]

SECOND = 1_000_000  # µs


class Item(NamedTuple):
    """One message, or one question that somebody asks."""

    kind: str  # message · check · result
    time: int  # µs
    who: str  # who sends, or who asks
    to: str  # who hears, '' for a check
    text: str
    answer: str  # yes · no · '' (a message: no when it never came to an answer)


FORM = "token well formed?"
FREE = "in no swarm yet?"
CA = "CA's digest as in the token?"
SECRET = "whose secret? (role)"
WORDS = {  # a message, and the question that whoever hears it asks
    "AskRoot": ("who are you?", ""),
    "RootCertificate": ("its root certificate", CA),
    "Certify": ("name + token", SECRET),
    "Certified": ("your certificate", ""),
    "NotCertified": ("no", ""),
    "OpenSession": ("opens a session", "signed by our CA?"),
    "SessionAnswer": ("welcome", ""),
    "RaftJoin": ("I want to manage", ""),
    "CallBack": ("do you hear me?", ""),
    "CalledBack": ("yes", ""),
    "RaftJoined": ("you may", ""),
    "NotRaftJoined": ("no", ""),
}
SESSION = ("OpenSession", "SessionAnswer")  # of a new manager it is what happens beside that which decides
REFUSED = {  # what Docker says → the question that was answered with no
    "already part of a swarm": FREE,
    "invalid join token": FORM,
    "does not match fingerprint": CA,
    "valid join token is necessary": SECRET,
}


def handshake(trace: Any, join: Any = None) -> list[Item]:
    """The steps of one `docker swarm join`, by default the last; `join` is the record of its command, or its number."""
    command = _command(trace, join)
    me = command.source
    end = next((r for r in trace.records if isinstance(r.fact, CommandReturned) and r.cause == command.number), None)
    said = end.fact.line if end else "no answer yet"
    refused = next((question for words, question in REFUSED.items() if words in said), "")
    if refused in (FREE, FORM):
        items = [Item("check", command.time, me, "", refused, "no")]
    else:
        items = _talk(trace, me, command.time, end.time if end else trace.now, refused)
    return [
        *items,
        Item("result", end.time if end else trace.now, me, "", said, "no" if end and end.fact.exit_code else "yes"),
    ]


def _command(trace: Any, join: Any) -> Any:
    """The record of a join command."""
    number = join if isinstance(join, int) or join is None else join.number
    joins = [r for r in trace.records if isinstance(r.fact, Commanded) and "swarm join " in r.fact.command]
    if number is not None:
        joins = [record for record in joins if record.number == number]
    if not joins:
        raise ValueError(
            "nobody typed `docker swarm join` in this run" if number is None else f"record {number} is no join"
        )
    return joins[-1]


def _verdict(question: str, refused: str) -> str:
    return "no" if question == refused else "yes"


def _talk(trace: Any, me: str, since: int, until: int, refused: str) -> list[Item]:
    """The messages between the joining machine and managers, each with the question it raises; the same asked again is one."""
    items: list[Item] = []
    again: dict[tuple, int] = {}
    heard = [message for message in trace.messages if since <= message.sent <= until and _concerns(message, me)]
    manages = any(message.name == "RaftJoin" for message in heard)
    for message in heard:
        if manages and message.name in SESSION:
            continue
        text, question = WORDS[message.name]
        key = (message.name, message.sender, message.to)
        if key in again:
            old = items[again[key]]
            items[again[key]] = old._replace(text=f"{text} ×{int(old.text.partition(' ×')[2] or 1) + 1}")
            continue
        again[key] = len(items)
        lost = message.arrived < 0 or bool(message.fate)
        items.append(Item("message", message.sent, message.sender, message.to, text, "no" if lost else ""))
        if question and not lost:
            items.append(Item("check", message.arrived, message.to, "", question, _verdict(question, refused)))
            if question == refused and message.to == me:
                break
    return _unanswered(items, me)


def _concerns(message: Any, me: str) -> bool:
    """Is it part of this join? A leader may call back an address that is not the machine's."""
    return message.name in WORDS and (me in (message.sender, message.to) or message.name == "CallBack")


def _unanswered(items: list[Item], me: str) -> list[Item]:
    """A question that nobody ever answered has no tick."""
    heard = any(item.kind == "message" and item.to == me for item in items)
    if heard or not items:
        return items
    return [item._replace(answer="no") if item.kind == "message" else item for item in items if item.kind == "message"]


def tell_handshake(trace: Any, join: Any = None) -> str:
    """The same in words, for `show`."""
    items = handshake(trace, join)
    said = []
    for item in items[:-1]:
        if item.kind == "check":
            said.append(f"{item.who} asks {item.text} {item.answer}")
        else:
            said.append(f"{item.who} to {item.to}: {item.text}{' (no answer)' * (item.answer == 'no')}")
    return f"A join, step by step: {'; '.join(said)}. Docker says: {items[-1].text}"


# ── drawn: two rows, time to the right ───────────────────────────────────────────────────────────────────────────

PITCH, LEFT = 1.22, 0.95  # inches: from step to step at most, the names
TOP, BOTTOM = 0.72, 2.12  # inches: the lanes
SMALL = 9  # points


def draw_handshake(trace: Any, join: Any = None, upto: int | None = None, ax: Axes | None = None) -> Axes:
    """One join as two rows, the joining machine below, a manager above; `upto` shows so many steps and no more.

    A box is a question, asked by whose row it stands in: ✓ goes on, ✕ ends it. The steps are in order of time, not to
    scale. For a stepper: `Explore(lambda step: draw_handshake(trace, upto=step), step=(1, len(handshake(trace))))`.
    """
    items = handshake(trace, join)
    shown = items if upto is None else items[: max(0, upto)]
    me = items[-1].who
    them = next(
        (name for item in items if item.kind == "message" for name in (item.who, item.to) if name != me), "a manager"
    )
    pitch = min(PITCH, (ink.WIDTH - LEFT - 0.2) / max(1, len(items) - 1))
    width = max(LEFT + pitch * (len(items) - 1) + 0.2, 7.0)
    lines = wrap(items[-1].text, int((width - 0.2) / ink.room("m")))
    height = BOTTOM + 0.72 + 0.19 * len(lines)
    ax = ink.canvas(ax, width, height)
    for name, y in ((them, TOP), (me, BOTTOM)):
        ax.plot((LEFT - 0.05, width - 0.1), (y, y), color=ink.LINE, linewidth=1, zorder=0)
        ink.write(ax, LEFT - 0.1, y, name if len(name) < 10 else ink.short(name), ha="right", fontweight="bold")
    for n, item in enumerate(shown):
        if item.kind == "check":
            _draw_check(ax, item, LEFT + (n + 0.5) * pitch, BOTTOM if item.who == me else TOP, pitch)
        elif item.kind == "message":
            _draw_message(ax, item, LEFT + n * pitch, item.who == me, pitch)
    if len(shown) < len(items):
        return ax
    for n, line in enumerate(lines):
        ink.write(ax, 0.1, BOTTOM + 0.72 + n * 0.19, line, family="monospace", fontsize=SMALL)
    return ax


def _draw_check(ax: Axes, item: Item, x: float, y: float, pitch: float) -> None:
    """A question in a box on the row of who asks it."""
    bad = item.answer == "no"
    lines = wrap(item.text, int((pitch - 0.16) / ink.room("m", SMALL)) + 1, break_long_words=False)
    tall = 0.17 * len(lines) + 0.26
    ink.box(
        ax, x - pitch / 2 + 0.06, y - tall / 2, pitch - 0.12, tall, facecolor=ink.PAPER, edgecolor=ink.INK, zorder=3
    )
    if bad:
        ink.box(ax, x - pitch / 2 + 0.06, y - tall / 2, 0.07, tall, facecolor=ink.WRONG, linewidth=0, zorder=4)
    for n, line in enumerate([*lines, "✕ no" if bad else "✓"]):
        middle = y + (n - len(lines) / 2) * 0.17
        weight = "bold" if n == len(lines) else "normal"
        ink.write(ax, x + 0.03 * bad, middle, line, ha="center", fontsize=SMALL, fontweight=weight, zorder=5)


def _draw_message(ax: Axes, item: Item, x: float, up: bool, pitch: float) -> None:
    """An arrow from row to row; one without an answer ends in a cross."""
    y0, y1 = (BOTTOM - 0.05, TOP + 0.05) if up else (TOP + 0.05, BOTTOM - 0.05)
    lost = item.answer == "no"
    end = (x + pitch - 0.12, y1) if not lost else (x + pitch * 0.72, y0 + (y1 - y0) * 0.72)
    style: dict[str, Any] = {"arrowstyle": "-" if lost else "->", "color": ink.CONTROL, "linewidth": 1.6}
    ax.annotate("", end, (x + 0.1, y0), arrowprops=style, zorder=2)
    if lost:
        ink.write(ax, *end, "✕", ha="center", fontsize=13, fontweight="bold", color=ink.WRONG, path_effects=ink.HALO)
    white = {"facecolor": ink.PAPER, "edgecolor": "none", "pad": 0.8}
    for n, line in enumerate(wrap(item.text, int((pitch - 0.1) / ink.room("m", SMALL)) + 1, break_long_words=False)):
        ink.write(
            ax,
            x + pitch / 2,
            (TOP + BOTTOM) / 2 + n * 0.17 - 0.08,
            line,
            ha="center",
            fontsize=SMALL,
            bbox=white,
            zorder=4,
        )
