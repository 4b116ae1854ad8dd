"""The few programs that every pretended container has: cat, ls, env, id and the like, for `docker exec`.

They see what the container was given: its secrets and configs, what was written since, and the folders that every
system has. Texts are those of busybox, which most small images bring.
"""

# Simpler than in reality (docs/simplifications.md): exec-programs

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..effects import SECOND
from ..messages import FileInside

FOLDERS = "/bin /dev /etc /home /lib /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /var".split()
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USERS = {"root": ("0", "0"), "nobody": ("65534", "65534")}
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Unknown(Exception):
    """Something that a real container may well have, and the simulation has not: said in one line."""


class Inside(NamedTuple):
    """What a command finds in a container."""

    files: Mapping[str, FileInside]  # by path
    env: Mapping[str, str]
    hostname: str
    user: tuple[str, str] = ("0", "0")  # uid, gid
    folder: str = "/"
    times: Mapping[str, int] = {}  # when a file was written, by path; else when the container started
    started: int = 0


class Ran(NamedTuple):
    """How a command ended, what it printed, and the files that it has written."""

    code: int = 0
    out: str = ""
    err: str = ""
    written: tuple[tuple[str, bytes], ...] = ()


def cat(here: Inside, args: list[str]) -> Ran:
    out, err = "", ""
    for arg in _only(args, "cat"):
        path = absolute(here, arg)
        if is_folder(here, path):
            err += "cat: read error: Is a directory\n"
        elif path not in here.files:
            err += f"cat: can't open '{arg}': No such file or directory\n"
        elif not may_read(here, here.files[path]):
            err += f"cat: can't open '{arg}': Permission denied\n"
        else:
            out += here.files[path].data.decode("utf-8", "replace")
    return Ran(1 if err else 0, out, err)


def ls(here: Inside, args: list[str]) -> Ran:
    """Files first, then folders, each under its name if there are several things to list."""
    flags = "".join(arg[1:] for arg in args if arg.startswith("-") and len(arg) > 1)
    if unknown := flags.strip("la1"):
        raise Unknown(f"ls -{unknown[0]}")
    names = sorted(arg for arg in args if not arg.startswith("-")) or ["."]
    paths = {name: absolute(here, name) for name in names}
    missing = [name for name, path in paths.items() if path not in here.files and not is_folder(here, path)]
    err = "".join(f"ls: {name}: No such file or directory\n" for name in missing)
    parts = [_row(here, name, paths[name], "l" in flags) for name in names if paths[name] in here.files]
    blocks = ["\n".join(parts) + "\n"] if parts else []
    for name in names:
        if name not in missing and paths[name] not in here.files:
            title = f"{name}:\n" if len(names) > 1 else ""
            blocks.append(title + _folder(here, paths[name], "l" in flags))
    return Ran(1 if missing else 0, "\n".join(blocks), err)


def _folder(here: Inside, path: str, long: bool) -> str:
    names = inside(here, path)
    prefix = path.rstrip("/") + "/"
    rows = [_row(here, name, prefix + name, long) for name in names]
    total = 4 * sum(prefix + name in here.files for name in names)  # each file has one block
    return (f"total {total}\n" if long else "") + "".join(f"{row}\n" for row in rows)


def _row(here: Inside, name: str, path: str, long: bool) -> str:
    if not long:
        return name
    file = here.files.get(path)
    if file is None:
        return f"drwxr-xr-x    2 {'root':<8} {'root':<8} {4096:>9} {date(here.started)} {name}"
    bits = "".join(letter if file.mode >> (8 - i) & 1 else "-" for i, letter in enumerate("rwxrwxrwx"))
    owner, group = called(file.uid), called(file.gid)
    time = here.times.get(path, here.started)
    return f"-{bits}    1 {owner:<8.8} {group:<8.8} {len(file.data):>9} {date(time)} {name}"


def date(time: int) -> str:
    """As `ls` shows it; a run begins on 1 January 2026.

    >>> date(0), date(40 * 24 * 3600 * SECOND + 61 * SECOND)
    ('Jan  1 00:00', 'Feb 10 00:01')
    """
    day, minute = time // (24 * 3600 * SECOND), time // (60 * SECOND) % (24 * 60)
    month, day = 0, day % 365
    while day >= DAYS[month]:
        day, month = day - DAYS[month], month + 1
    return f"{MONTHS[month]} {day + 1:2} {minute // 60:02}:{minute % 60:02}"


def env(here: Inside, args: list[str]) -> Ran:
    if args:
        raise Unknown("env with a command")
    return Ran(out="".join(f"{name}={value}\n" for name, value in here.env.items()))


def printenv(here: Inside, args: list[str]) -> Ran:
    if not args:
        return env(here, [])
    found = [here.env[name] for name in args if name in here.env]
    return Ran(0 if len(found) == len(args) else 1, "".join(f"{value}\n" for value in found))


def echo(here: Inside, args: list[str]) -> Ran:
    return Ran(out=" ".join(args[1:])) if args[:1] == ["-n"] else Ran(out=" ".join(args) + "\n")


def identity(here: Inside, args: list[str]) -> Ran:
    uid, gid = here.user
    if args not in ([], ["-u"], ["-g"], ["-un"]):
        raise Unknown(f"id {' '.join(args)}")
    if args:
        return Ran(out={"-u": uid, "-g": gid, "-un": called(uid)}[args[0]] + "\n")
    return Ran(out=f"uid={_named(uid)} gid={_named(gid)} groups={_named(gid)}\n")


def whoami(here: Inside, args: list[str]) -> Ran:
    uid = here.user[0]
    known = called(uid)
    return Ran(out=known + "\n") if known != uid else Ran(1, err=f"whoami: unknown uid {uid}\n")


def test(here: Inside, args: list[str]) -> Ran:
    """`test -f PATH` and its like, `a = b`, `-n` and `-z`."""
    if args[:1] == ["!"]:
        return Ran(1 - test(here, args[1:]).code)
    match args:
        case [("-f" | "-e" | "-d" | "-r" | "-s" | "-w") as flag, name]:
            path = absolute(here, name)
            file = here.files.get(path)
            holds = {
                "-f": file is not None,
                "-e": file is not None or is_folder(here, path),
                "-d": is_folder(here, path),
                "-r": file is not None and may_read(here, file),
                "-s": file is not None and file.data != b"",
                "-w": file is not None and file.kind == "written",
            }[flag]
        case ["-n", text] | [text]:
            holds = text != ""
        case ["-z", text]:
            holds = text == ""
        case [one, ("=" | "=="), other]:
            holds = one == other
        case [one, "!=", other]:
            holds = one != other
        case []:
            holds = False
        case _:
            raise Unknown(f"test {' '.join(args)}")
    return Ran(0 if holds else 1)


def touch(here: Inside, args: list[str]) -> Ran:
    runs = [
        write(here, arg, here.files[path].data if (path := absolute(here, arg)) in here.files else b"", "touch")
        for arg in _only(args, "touch")
    ]
    written = tuple(file for run in runs for file in run.written)
    return Ran(max((run.code for run in runs), default=0), "", "".join(run.err for run in runs), written)


def write(here: Inside, name: str, data: bytes, program: str) -> Ran:
    """A new content for a file. What a container was given cannot be changed in it."""
    path = absolute(here, name)
    parent = path.rpartition("/")[0] or "/"
    if path in here.files and here.files[path].kind != "written":
        why = "Read-only file system" if here.files[path].kind in ("secret", "config") else "Permission denied"
    elif parent == "/run/secrets":
        why = "Read-only file system"
    elif not is_folder(here, parent):
        why = "No such file or directory"
    elif is_folder(here, path):
        why = "Is a directory"
    elif here.user[0] != "0" and parent != "/tmp":
        why = "Permission denied"
    else:
        return Ran(written=((path, data),))
    return Ran(1, err=f"{program}: {name}: {why}\n")


def wc(here: Inside, args: list[str]) -> Ran:
    names = [arg for arg in args[1:] if arg != "--"]
    if args[:1] != ["-c"] or len(names) != 1:
        raise Unknown(f"wc {' '.join(args)}")
    read, (name,) = cat(here, names), names
    if read.err:
        return read._replace(err=read.err.replace("cat:", "wc:"))
    return Ran(out=f"{len(here.files[absolute(here, name)].data)} {name}\n")


PROGRAMS: dict[str, Callable[[Inside, list[str]], Ran]] = {
    "cat": cat,
    "echo": echo,
    "env": env,
    "false": lambda here, args: Ran(1),
    "hostname": lambda here, args: Ran(out=here.hostname + "\n"),
    "id": identity,
    "ls": ls,
    "printenv": printenv,
    "pwd": lambda here, args: Ran(out=here.folder + "\n"),
    "test": test,
    "touch": touch,
    "true": lambda here, args: Ran(),
    "wc": wc,
    "whoami": whoami,
}


# ── paths and people ─────────────────────────────────────────────────────────────────────────────────────────────


def absolute(here: Inside, name: str) -> str:
    """A path from the root on, without `.` and `..`.

    >>> absolute(Inside({}, {}, "", folder="/etc"), "../run/./x")
    '/run/x'
    """
    parts: list[str] = []
    for part in (name if name.startswith("/") else f"{here.folder}/{name}").split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def is_folder(here: Inside, path: str) -> bool:
    """Whether it is one that every system has, or one in which there is a file."""
    return path == "/" or path in FOLDERS or any(known.startswith(path + "/") for known in here.files)


def inside(here: Inside, path: str) -> list[str]:
    """The names in a folder, sorted."""
    prefix = path.rstrip("/") + "/"
    known = (*here.files, *FOLDERS)
    return sorted({one[len(prefix) :].partition("/")[0] for one in known if one.startswith(prefix) and one != prefix})


def may_read(here: Inside, file: FileInside) -> bool:
    """The bits of the owner, of the group or of all others count; root reads everything."""
    uid, gid = here.user
    bits = file.mode >> 6 if uid == file.uid else file.mode >> 3 if gid == file.gid else file.mode
    return uid == "0" or bool(bits & 4)


def user_of(text: str) -> tuple[str, str] | None:
    """uid and gid of `1000`, `1000:50`, `nobody`; None for a name that nobody has."""
    name, _, group = (text or "root").partition(":")
    known = USERS.get(name) or ((name, "0") if name.isascii() and name.isdigit() else None)
    if known is None or not group:
        return known
    gid = USERS[group][1] if group in USERS else group
    return (known[0], gid) if gid.isascii() and gid.isdigit() else None


def called(number: str) -> str:
    """The name of a user or group, its number if it has none."""
    return next((name for name, (uid, _) in USERS.items() if uid == number), number)


def _named(number: str) -> str:
    name = called(number)
    return f"{number}({name})" if name != number else number


def _only(args: list[str], program: str) -> list[str]:
    """Arguments without flags: those of most programs are not known here."""
    if flag := next((arg for arg in args if arg.startswith("-") and arg != "--"), ""):
        raise Unknown(f"{program} {flag}")
    if not args:
        raise Unknown(f"{program} that reads from a keyboard")
    return [arg for arg in args if arg != "--"]
