"""The grammar of Docker's command lines: which word is a flag, which is its value, and what may stand there.

Docker parses with Go's pflag, whose rules no Python library has: a switch never eats the next word (`--detach nginx`),
it takes a value only after `=`, short flags bundle (`-dp 80:80`), `--` ends the flags, and commands that start a
program (`run`, `service create`) stop looking for flags at the first word that is none.
Sources: Docker CLI reference; pflag's documentation, section "Command line flag syntax".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .session import Exit
from .units import UnitError, quote
from .values import KINDS

# ── vocabulary ───────────────────────────────────────────────────────────────────────────────────────────────────


class Flag(NamedTuple):
    """One flag of one command. `support`: supported · simplified (accepted, without all of its effect) · absent."""

    name: str
    kind: str
    help: str
    short: str = ""
    default: Any = None
    support: str = "supported"

    @property
    def shown(self) -> str:
        """As Docker's messages name it: `-p, --publish`."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


@dataclass(frozen=True)
class Options:
    """What a person asked for: flags by name (also those left out, with their default) and the other words."""

    flags: Mapping[str, Any]
    given: tuple[str, ...]  # names of the flags that were typed, in order
    words: tuple[str, ...]

    def __getitem__(self, name: str) -> Any:
        return self.flags[name]


class Bad(Exception):
    """A command line that cannot be read, in Docker's words; the caller adds the usage."""


# ── the grammar ──────────────────────────────────────────────────────────────────────────────────────────────────

HELP = Flag("help", "bool", "Print usage", default=False)


def parse(words: Sequence[str], flags: Sequence[Flag], interspersed: bool = True) -> Options:
    """Sort words into flags and the rest. Raises `Bad`. With `interspersed` off, the first other word ends the flags."""
    known = {flag.name: flag for flag in (*flags, HELP)}
    shorts = {flag.short: flag for flag in flags if flag.short}
    values = {flag.name: _default(flag) for flag in known.values()}
    given: list[str] = []
    others: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            others += rest
            break
        if word.startswith("-") and word != "-":
            for flag, text in [_long(word, rest, known)] if word.startswith("--") else _short(word, rest, shorts):
                _store(values, flag, text)
                given.append(flag.name)
        elif interspersed:
            others.append(word)
        else:
            others += [word, *rest]
            break
    return Options(values, tuple(given), tuple(others))


def _long(word: str, rest: list[str], known: Mapping[str, Flag]) -> tuple[Flag, str]:
    name, equals, value = word[2:].partition("=")
    if not name or name.startswith("-"):
        raise Bad(f"bad flag syntax: {word}")
    if name not in known:
        raise Bad(f"unknown flag: --{name}")
    _check_present(known[name])
    if equals or known[name].kind == "bool":
        return known[name], value if equals else "true"
    if not rest:
        raise Bad(f"flag needs an argument: --{name}")
    return known[name], rest.pop(0)


def _short(word: str, rest: list[str], shorts: Mapping[str, Flag]) -> list[tuple[Flag, str]]:
    """A bundle: switches, and at the end perhaps one flag with a value, glued, after `=` or as the next word."""
    found: list[tuple[Flag, str]] = []
    letters = word[1:]
    while letters:
        if letters[0] == "h" and "h" not in shorts:
            return [*found, (HELP, "true")]
        if letters[0] not in shorts:
            raise Bad(f"unknown shorthand flag: {_character(letters[0])} in -{letters}")
        flag, after = shorts[letters[0]], letters[1:]
        _check_present(flag)
        if len(after) > 1 and after[0] == "=":
            return [*found, (flag, after[1:])]
        if flag.kind == "bool":
            found.append((flag, "true"))
            letters = after
        elif after or rest:
            return [*found, (flag, after or rest.pop(0))]
        else:
            raise Bad(f"flag needs an argument: {_character(letters[0])} in -{letters}")
    return found


def _check_present(flag: Flag) -> None:
    if flag.support == "absent":
        raise Exit(f"--{flag.name} is a real flag of Docker, but the simulation does not have it.")


def _character(letter: str) -> str:
    return "'\\''" if letter == "'" else f"'{letter}'"


def _default(flag: Flag) -> Any:
    if KINDS[flag.kind].many:
        return ()
    return False if flag.kind == "bool" and flag.default is None else flag.default


def _store(values: dict[str, Any], flag: Flag, text: str) -> None:
    try:
        value = KINDS[flag.kind].read(text)
    except UnitError as fault:
        raise Bad(f'invalid argument {quote(text)} for "{flag.shown}" flag: {fault.text}') from None
    if not KINDS[flag.kind].many:
        values[flag.name] = value
    elif flag.kind == "strings":
        values[flag.name] += tuple(text.split(","))
    else:
        values[flag.name] += tuple(value) if isinstance(value, list) else (value,)
