"""What runs by `docker exec` in a pretended container: one of a few programs, or a small script of them.

`sh -c "…"` knows `;`, `&&`, `||`, `!`, `exit N`, quotes, `$NAME`, `$?` and `>`. Whatever a real container would have and
this one has not is refused in a sentence of its own. Exit codes are those of Docker and of a shell: 126 and 127 where
nothing could be run. Source: moby `daemon/exec.go`, POSIX shell.
"""

# Simpler than in reality (docs/simplifications.md): container-files, exec-programs

import re
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from ..messages import FileInside
from .programs import PROGRAMS, Inside, Ran, Unknown, write

SHELLS = ("sh", "/bin/sh", "ash", "bash", "/bin/bash")
# What people try that the simulation does not have, though images may: only this is told apart from a slip of the fingers.
REAL = frozenset(
    """apk apt apt-get awk base64 cd chmod chown cp curl cut date df dig du export find free getent grep head if ip kill ln
    mkdir more mount mv mysql mysqladmin nc netstat nginx node nslookup pg_isready ping printf ps psql python python3
    redis-cli read rm sed sha256sum sleep sort ss stat su tail tar tee telnet top tr traceroute umount uname uniq vi vim
    wget which while xargs for case""".split()
)
MISSING = "the simulation's containers are pretended: `{}` cannot be run in them; there are " + ", ".join(
    sorted([*PROGRAMS, 'sh -c "…"'])
)

_TOKEN = re.compile(
    r"(&&|\|\||;|\n|>>|>)|(?:[^\s'\"\\;&|<>`()#]|(?<=[^\s;&|<>])#|\\.|'[^']*'|\"(?:[^\"\\]|\\.)*\")+|#[^\n]*|[ \t]+",
    re.DOTALL,
)
_PIECE = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|((?:[^'\"\\]|\\.)+)", re.DOTALL)
_NAME = re.compile(r"\\(.)|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\}|(\?))", re.ASCII | re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
_NUMBERED = re.compile(r"(?:^|\s)\d$")
GAP = "\0"  # where blanks in a variable part a word in two


class Simple(NamedTuple):
    """One command of a script: its words as they are written, where it writes to, and what joins it to the one before."""

    joint: str
    words: list[str]
    target: str = ""
    append: bool = False


def run(here: Inside, words: Sequence[str]) -> Ran:
    """What a command does. Raises Unknown for what the simulation does not have."""
    word, *args = words
    if word in SHELLS:
        if len(args) < 2 or args[0] not in ("-c", "-ec"):
            raise Unknown(" ".join(words))
        return script(here, args[1])
    word = word.removeprefix("/usr").removeprefix("/bin/")
    if word in PROGRAMS:
        return PROGRAMS[word](here, args)
    if word in REAL:
        raise Unknown(word)
    why = f"stat {word}: no such file or directory" if "/" in word else "executable file not found in $PATH"
    text = f'OCI runtime exec failed: exec failed: unable to start container process: exec: "{word}": {why}: unknown'
    return Ran(126, text + "\n")  # engines from 25 on say 127 where nothing is found


def script(here: Inside, text: str) -> Ran:
    """A script, command by command. Raises Unknown."""
    code, out, err, written = 0, "", "", dict[str, bytes]()
    for command in _parse(text):
        if (command.joint == "&&" and code) or (command.joint == "||" and not code):
            continue
        now = here._replace(files={**here.files, **{path: new_file(path, data) for path, data in written.items()}})
        words = [field for word in command.words for field in _fields(word, now, code)]
        if words[:1] == ["exit"]:
            if words[1:] and not re.fullmatch("[0-9]{1,9}", words[1]):
                code, err = 2, f"{err}sh: exit: Illegal number: {words[1]}\n"
            elif words[1:]:
                code = int(words[1]) % 256
            break
        ran = _one(now, words)
        if command.target:
            ran = _redirected(now, ran, " ".join(_fields(command.target, now, code)), command.append)
        code, out, err = ran.code, out + ran.out, err + ran.err
        written |= dict(ran.written)
    return Ran(code, out, err, tuple(written.items()))


def new_file(path: str, data: bytes) -> FileInside:
    """A file that was written in the container."""
    return FileInside("written", "", "", path, data, mode=0o644, memory=False)


def _one(here: Inside, words: list[str]) -> Ran:
    if not words:
        return Ran()  # a variable that is not set
    if _ASSIGNMENT.match(words[0]):
        raise Unknown(f"{words[0]} in a script")
    if words[0] == "!":
        ran = _one(here, words[1:])
        return ran._replace(code=0 if ran.code else 1)
    if words[0] == "[" and words[-1] == "]":
        words = ["test", *words[1:-1]]
    ran = run(here, words)
    if ran.code == 126:
        return Ran(127, err=f"sh: {words[0]}: not found\n")
    return ran


def _redirected(here: Inside, ran: Ran, target: str, append: bool) -> Ran:
    if target == "/dev/null":
        return ran._replace(out="")
    old = here.files[target].data if append and target in here.files else b""
    put = write(here, target, old + ran.out.encode(), "sh")
    if put.err:
        return Ran(1, err=put.err.replace(f"sh: {target}", f"sh: can't create {target}"))
    return ran._replace(out="", written=(*ran.written, *put.written))


def _parse(text: str) -> list[Simple]:
    commands = [Simple(";", [])]
    place, writes = 0, ""
    while place < len(text):
        found = _TOKEN.match(text, place)
        if not found:
            raise Unknown(text[place:].split()[0] + " in a script")
        place = found.end()
        if found[1] in (">", ">>"):
            if _NUMBERED.search(text[:place].rstrip(">")):
                raise Unknown("a script that turns away its errors")
            writes = found[1]
        elif found[1]:
            commands.append(Simple(found[1].replace("\n", ";"), []))
        elif writes and found[0].strip():
            commands[-1] = commands[-1]._replace(target=found[0], append=writes == ">>")
            writes = ""
        elif found[0].strip() and not found[0].startswith("#"):
            commands[-1].words.append(found[0])
    if writes:
        raise Unknown("a script that writes to nowhere")
    return [command for command in commands if command.words or command.target]


def _fields(word: str, here: Inside, code: int) -> list[str]:
    """What becomes of a word: its quotes go, and its variables are replaced, but for single quotes. Outside of quotes the
    blanks in a variable part words, and one that is empty is none."""
    parts, quoted = [], False
    for single, double, bare in _PIECE.findall(word):
        quoted = quoted or not bare
        if double or bare:
            parts.append(_NAME.sub(partial(_value, here, code, bool(bare)), double or bare))
        else:
            parts.append(single)
    fields = [field for field in "".join(parts).split(GAP) if field]
    return fields or [""] * quoted


def _value(here: Inside, code: int, bare: bool, found: re.Match) -> str:
    if found[1]:  # escaped: between quotes the backslash stays before what it does not protect
        return found[1].strip("\n") if bare or found[1] in '$`"\\\n' else found[0]
    value = str(code) if found[4] else here.env.get(found[2] or found[3], "")
    return re.sub(r"\s+", GAP, value) if bare else value
