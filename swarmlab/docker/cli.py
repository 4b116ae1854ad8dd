"""`docker …` as a person types it: one line in, what Docker would print out.

`execute` never raises for anything that can be typed. Whatever is refused before the engine is asked (an unknown
command or flag, a value that cannot be read, the wrong number of words) changes nothing.
Source: Docker CLI reference; texts and exit codes as recorded from Docker 28.2.2.
"""

import re
import shlex
from collections.abc import Callable, Sequence

from ..objects import ApiError
from . import (
    containers,
    deploy,
    events,
    exec,
    files,
    inspect,
    logs,
    networks,
    nodes,
    services,
    stacks,
    storage,
    swarm,
    system,
)
from .commands import ABSENT, BY_NAME, GLOBAL_FLAGS, GROUPS, Command
from .flags import Bad, Options, parse
from .session import Exit, Interrupted, Result, Screen, Session
from .usage import command_help, group_help, top_help, usage_line

__all__ = ["Interrupted", "Result", "Session", "execute"]

RUN: dict[str, Callable[[Session, Options, Screen], None]] = {
    **deploy.RUN,
    **files.RUN,
    **inspect.RUN,
    **containers.RUN,
    **events.RUN,
    **exec.RUN,
    **logs.RUN,
    **networks.RUN,
    **nodes.RUN,
    **services.RUN,
    **stacks.RUN,
    **storage.RUN,
    **swarm.RUN,
    **system.RUN,
}

SUBSTITUTION = re.compile(r"'[^']*'|\$\((docker [^()]*)\)")  # what stands between single quotes is left alone


def execute(line: str | Sequence[str], session: Session) -> Result:
    """Carry out what follows the word `docker` (which may stand in front); it lasts until Docker would return.

    A text is split as a POSIX shell does, after each `$(docker …)` in it has been replaced by what that prints. When the session's time for the command is over, the result is what was
    printed so far, with exit code 130.
    """
    screen = Screen()
    try:
        words = _words(_substituted(line, session, screen) if isinstance(line, str) else line)
        _run(words[1:] if words[:1] == ["docker"] else words, session, screen)
    except Exit as end:
        if end.text:
            screen.warn(end.text)
        return screen.result(end.code)
    except ApiError as refusal:
        screen.warn(f"Error response from daemon: {refusal.text}")
        return screen.result(1)
    except Interrupted:
        return screen.result(130)
    return screen.result(0)


def _substituted(line: str, session: Session, screen: Screen) -> str:
    """The line with what other docker commands print, as a shell does it: `docker exec $(docker ps -q) env`."""

    def printed(found: re.Match) -> str:
        if not found[1]:
            return found[0]
        inner = execute(found[1], session)
        screen.err.append(inner.stderr)
        return " ".join(inner.stdout.split())

    return SUBSTITUTION.sub(printed, line)


def _words(line: str | Sequence[str]) -> list[str]:
    if not isinstance(line, str):
        return [_typed(word) for word in line]
    try:
        return shlex.split(_typed(line))
    except ValueError as fault:  # what a shell says before docker has even started
        raise Exit(f"sh: 1: Syntax error: {str(fault).lower()}", 2) from None


def _typed(text: str) -> str:
    """What no keyboard can type, half of a character, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _run(words: list[str], session: Session, screen: Screen) -> None:
    """Find the command that the words name, and hand it the rest."""
    options = _global_options(words)
    words = list(options.words)
    if options["version"]:
        screen.say(f"Docker version {system.CLIENT_VERSION}, build swarmlab")
    elif options["help"] or words[:1] == ["help"]:
        _help(words[1:], screen) if words[:1] == ["help"] else screen.out.append(top_help())
    elif not words:
        screen.err.append(top_help())
    elif words[0] in BY_NAME and " " not in words[0]:  # `docker "service ls"` is one word, and no command
        _run_command(BY_NAME[words[0]], words[1:], session, screen)
    elif words[0] in GROUPS:
        _run_in_group(words[0], words[1:], session, screen)
    else:
        raise _unknown(" ".join(words[:2]), words[0], "")


def _global_options(words: list[str]) -> Options:
    try:
        return parse(words, GLOBAL_FLAGS, interspersed=False)
    except Bad as fault:
        usage = "Usage:  docker [OPTIONS] COMMAND [ARG...]"
        raise Exit(f"{fault}\n\n{usage}\n\nRun 'docker --help' for more information", 125) from None


def _run_in_group(group: str, words: list[str], session: Session, screen: Screen) -> None:
    name = f"{group} {words[0]}" if words else group
    if name in BY_NAME:
        _run_command(BY_NAME[name], words[1:], session, screen)
        return
    try:
        options = parse(words, (), interspersed=False)
    except Bad as fault:
        usage = f"Usage:  docker {group}\n\nRun 'docker {group} --help' for more information"
        raise Exit(f"{fault}\n\n{usage}", 125) from None
    if options["help"]:
        screen.out.append(group_help(group))
    elif not words:
        screen.err.append(group_help(group))
    else:
        raise _unknown(name, name, group)


def _unknown(path: str, name: str, group: str) -> Exit:
    """Docker has commands that the simulation has not; that is said in other words than a slip of the fingers."""
    if path in ABSENT or name in ABSENT:
        missing = path if path in ABSENT else name
        return Exit(f"'docker {missing}' is a real command of Docker, but the simulation does not have it.")
    usage = f"Usage:  docker {group}\n\nRun 'docker {group} --help'" if group else "Run 'docker --help'"
    return Exit(f"docker: unknown command: docker {name}\n\n{usage} for more information")


def _help(words: list[str], screen: Screen) -> None:
    name = " ".join(words[:2])
    if not words:
        screen.out.append(top_help())
    elif name in BY_NAME or words[0] in BY_NAME:
        screen.out.append(command_help(BY_NAME.get(name) or BY_NAME[words[0]]))
    elif words[0] in GROUPS:
        screen.out.append(group_help(words[0]))
    else:
        raise Exit(f"unknown help topic: {' '.join(words)}")


def _run_command(command: Command, words: list[str], session: Session, screen: Screen) -> None:
    try:
        options = parse(words, command.flags, command.interspersed)
    except Bad as fault:
        raise Exit(f"{fault}\n\n{usage_line(command)}\n\n{_more(command, 'Run')}", 125) from None
    if options["help"]:
        screen.out.append(command_help(command))
        return
    _count(command, len(options.words))
    RUN[command.name](session, options, screen)


def _count(command: Command, words: int) -> None:
    """Refuse too few or too many words, as Docker words it."""
    if words >= command.least and (command.most is None or words <= command.most):
        return
    see = "See" if command.most is None else "Run"
    number = command.least if command.most is None else command.most
    wanted = f"requires at least {command.least}" if command.most is None else f"requires {command.most}"
    if command.most is not None and command.least < command.most:
        wanted = f"requires at least {command.least} and at most {command.most}"
    wanted += " argument" if number == 1 else " arguments"
    says = "accepts no arguments" if command.most == 0 else wanted
    raise Exit(f"docker: 'docker {command.name}' {says}\n\n{usage_line(command)}\n\n{_more(command, see)}")


def _more(command: Command, word: str) -> str:
    return f"{word} 'docker {command.name} --help' for more information"
