"""What a row of the table of commands is made of, and the flags that several commands share."""

# Simpler than in reality (docs/simplifications.md): missing

from typing import NamedTuple

from ..flags import Flag


class Command(NamedTuple):
    """One command. `least` and `most` count its words, flags aside; `most` None is any number."""

    name: str  # 'service ls'
    usage: str  # what follows the name: '[OPTIONS] SERVICE [SERVICE...]'
    help: str
    flags: tuple[Flag, ...] = ()
    least: int = 0
    most: int | None = 0
    aliases: tuple[str, ...] = ()
    interspersed: bool = True  # False: flags end at the first other word, the rest belongs to the container
    support: str = "supported"


# ── flags that several commands share ────────────────────────────────────────────────────────────────────────────

QUIET = Flag("quiet", "bool", "Print ids and nothing else", "q")
FILTER = Flag("filter", "filter", "Only what matches name=value; may be repeated", "f")
FORMAT = Flag("format", "string", "'table', 'json', or a template such as '{{.Name}}' or 'table {{.Name}}'", default="")
TEMPLATE = Flag("format", "string", "'json', or a template such as '{{.ID}}'", "f", default="")
NO_TRUNC = Flag("no-trunc", "bool", "Do not shorten ids and errors")
NO_RESOLVE = Flag("no-resolve", "bool", "Show ids where names would stand")
DETACH = Flag("detach", "bool", "Return at once; without it the command waits until the service is stable", "d")

LOGS = (
    Flag("details", "bool", "More about each line (there is nothing more here)", support="simplified"),
    Flag("follow", "bool", "Go on with what is printed from now on, until interrupted", "f", support="simplified"),
    Flag("since", "string", "Only lines from then on: a date, or so long ago, as 10m", default=""),
    Flag("tail", "string", "So many lines from the end of each container", "n", default="all"),
    Flag("timestamps", "bool", "When each line was printed", "t"),
)
LISTING = (FILTER, FORMAT, QUIET)
TASKS = (FILTER, FORMAT, NO_RESOLVE, NO_TRUNC, QUIET)


def stored(name: str, kind: str, help: str, short: str = "", default: object = None) -> Flag:
    return Flag(name, kind, f"{help} (stored as asked)", short, default, "simplified")


def absent(*names: str) -> tuple[Flag, ...]:
    """Flags by name, or by short and full name: `i/interactive`."""
    pairs = [(name.rpartition("/")[2], name.rpartition("/")[0]) for name in names]
    return tuple(Flag(name, "string", "", short, support="absent") for name, short in pairs)
