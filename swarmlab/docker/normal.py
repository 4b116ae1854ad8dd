"""Values in normal form: one spelling for everything that a stack file may spell in several ways.

The normal form is what `docker stack config` prints, as plain data: durations such as `1m30s`, sizes in bytes,
environment and labels as mappings. Faults of this step are those of Docker's decoder, which names a key as its Go
structures do. Sources: Compose file reference v3; docker/cli `cli/compose/loader/loader.go`; docker 28.2.2.
"""

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .units import UnitError, parse_duration_ns, parse_size, print_duration
from .yaml_dialect import StackError, Timestamp, go_text

Converter = Callable[[Any, str, "Loader"], Any]  # a value, how Go names its place, what is shared → normal form


class Loader:
    """What the steps of loading one file share: where it lies, its environment, and what they found to say."""

    def __init__(self, folder: str, read: Callable[[str], bytes], env: Mapping[str, str]):
        self.folder, self.read, self.env = folder, read, env
        self.warnings: list[str] = []
        self.faults: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(f'level=warning msg="{text}"')

    def fault(self, where: str, text: str) -> None:
        self.faults.append(f"error decoding '{where}': {text}")

    def finish(self) -> None:
        """Raises StackError with all that could not be decoded."""
        if self.faults:
            raise StackError("\n".join(["decoding failed due to the following error(s):", "", *self.faults]))

    def path(self, path: str) -> str:
        """A path of the file as the reader gets it: relative to the folder of the first file.

        Docker makes it absolute. We leave it as the person gave it, so that a run is the same in every folder.
        """
        return path if path.startswith("/") else posixpath.normpath(posixpath.join(self.folder, path))

    def bind_source(self, path: str) -> str:
        """The folder of a bind mount, which must be absolute; it counts from the shell's folder, or from `/`."""
        if path.startswith("~") and "HOME" in self.env:
            path = path.replace("~", self.env["HOME"], 1)
        if re.match(r"[a-zA-Z]:[\\/]|[\\/]{2}[^\\/.]", path):  # a path of Windows
            return path
        return posixpath.join(self.env.get("PWD", "/"), self.path(path))


def read_file(path: str, read: Callable[[str], bytes]) -> bytes:
    """The bytes at `path`. Raises StackError in Go's words when they cannot be had."""
    try:
        return read(path)
    except FileNotFoundError:
        raise StackError(f"open {path}: no such file or directory") from None
    except IsADirectoryError:
        raise StackError(f"read {path}: is a directory") from None
    except PermissionError:
        raise StackError(f"open {path}: permission denied") from None
    except OSError as error:
        raise StackError(f"open {path}: {error.strerror or error}") from None


# ── texts, numbers, pairs ────────────────────────────────────────────────────────────────────────────────────────


def text(value: Any, where: str, loader: Loader) -> str:
    if isinstance(value, Timestamp):
        found = f"unconvertible type 'time.Time', value: '{value}'"
        loader.faults.append(f"'{where}' expected type 'string', got {found}")
    elif isinstance(value, int | float):
        kind = "int" if isinstance(value, int) else "float64"
        loader.faults.append(
            f"'{where}' expected type 'string', got unconvertible type '{kind}', value: '{go_text(value)}'"
        )
    return value


def whole(value: Any, where: str, loader: Loader) -> int:
    """Docker cuts off what follows the point."""
    return int(value)


def count(value: Any, where: str, loader: Loader) -> int:
    if value < 0:
        loader.faults.append(f"cannot parse '{where}', {go_text(value)} overflows uint")
    return int(value)


def as_it_is(value: Any, where: str, loader: Loader) -> Any:
    return value


def port_number(value: Any, where: str, loader: Loader) -> int:
    return count(value, where, loader) % 2**32  # Go keeps 32 bits, and the engine refuses what makes no sense


def duration(value: str, where: str, loader: Loader) -> str:
    try:
        return print_duration(parse_duration_ns(value))
    except UnitError as error:  # versions before 3.4 let it pass the schema
        loader.fault(where, error.text)
        return "0s"


def size(value: str, where: str, loader: Loader) -> str:
    try:
        return str(parse_size(value))
    except UnitError as error:
        loader.fault(where, error.text)
        return "0"


def texts(value: Any, where: str, loader: Loader) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [text(item, f"{where}[{index}]", loader) for index, item in enumerate(items)]


def texts_or_numbers(value: list, where: str, loader: Loader) -> list[str]:
    return [go_text(item) for item in value]


def pairs(value: Any, where: str, loader: Loader) -> dict[str, str]:
    """A mapping, or a list of `KEY=value`; a key alone has an empty value."""
    return {key: item or "" for key, item in variables(value, where, loader).items()}


def variables(value: Any, where: str, loader: Loader) -> dict[str, str | None]:
    """The same, but a key alone has no value at all: the client's environment may know it."""
    if isinstance(value, dict):
        return {key: None if item is None else go_text(item) for key, item in value.items()}
    split = (item.partition("=") for item in value)
    return {key: item if equals else None for key, equals, item in split}


def hosts(value: Any, where: str, loader: Loader) -> list[str]:
    """`name:address` entries; a mapping is sorted, an entry without an address is dropped."""
    if isinstance(value, dict):
        # Docker garbles an address that is a number; we write the number
        known = sorted((name, go_text(address)) for name, address in value.items() if address is not None)
    else:
        split = (item.partition("=" if "=" in item else ":") for item in value)
        known = [(name, address) for name, separator, address in split if separator]
    return [f"{name}:{_without_brackets(address)}" for name, address in known]


def _without_brackets(address: str) -> str:
    bracketed = len(address) > 2 and address[0] == "[" and address[-1] == "]"
    return address[1:-1] if bracketed else address


# ── mappings by table: key → how its value becomes normal ────────────────────────────────────────────────────────


class Group:
    """A mapping with a table of its own. The order stays the file's; what is not in the table is dropped."""

    def __init__(self, table: Mapping[str, Converter]):
        self.table = table

    def __call__(self, value: Mapping | None, where: str, loader: Loader) -> dict:
        found = {}
        for key, item in (value or {}).items():
            if key in self.table and item is not None:
                place = f"{where}.{go_name(key)}" if where else go_name(key)
                found[key] = self.table[key](item, place, loader)
        return found


class Each:
    """A list of values, each normal by itself."""

    def __init__(self, converter: Converter):
        self.converter = converter

    def __call__(self, value: Sequence, where: str, loader: Loader) -> list:
        return [self.converter(item, f"{where}[{index}]", loader) for index, item in enumerate(value)]


GO_NAMES = {"healthcheck": "HealthCheck", "dns": "DNS", "uid": "UID", "gid": "GID", "memory": "memory", "cpus": "cpus"}


def go_name(key: str) -> str:
    """How the decoder names a key: as its Go field, unless the field has a name of its own for YAML."""
    return key if "_" in key else GO_NAMES.get(key, key.capitalize())


def go_type(value: Any) -> str:
    names = {str: "string", int: "int", float: "float64", bool: "bool", type(None): "<nil>", list: "[]interface {}"}
    return names.get(type(value), "map[string]interface {}")


# ── command lines ────────────────────────────────────────────────────────────────────────────────────────────────


def words(value: Any, where: str, loader: Loader) -> list[str]:
    if isinstance(value, list):
        return texts(value, where, loader)
    try:
        return split_words(text(value, where, loader))
    except ValueError as error:
        loader.fault(where, str(error))
        return []


_WORD = re.compile(
    r"""\\(?P<escaped>.)|"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>[^']*)'|(?P<plain>[^ \t\r\n"'\\]+)""", re.DOTALL
)


def split_words(line: str) -> list[str]:
    """As a shell splits a line, but without running one: quotes, backslashes and comments, nothing else."""
    found: list[str] = []
    place, inside = 0, False
    while place < len(line):
        if line[place] in " \t\r\n":
            place, inside = place + 1, False
        elif line[place] == "#" and not inside:
            place = (line + "\n").index("\n", place)
        else:
            match = _WORD.match(line, place)
            if not match:
                backslash = line[place] == "\\" or line.endswith("\\")
                raise ValueError(
                    "EOF found after escape character" if backslash else "EOF found when expecting closing quote"
                )
            found = [*found[:-1], found[-1] + _unquoted(match)] if inside else [*found, _unquoted(match)]
            place, inside = match.end(), True
    return found


def _unquoted(match: re.Match) -> str:
    if match["double"] is not None:
        return re.sub(r"\\(.)", r"\1", match["double"], flags=re.DOTALL)
    return next(part for part in match.group("escaped", "single", "plain") if part is not None)
