"""Objects as bytes, and back as plain dictionaries: what stands in for the protocol buffers in SwarmKit's files.

Like bencode [BEP 3], with letters for what that does not have. A named tuple becomes a dictionary that says under "is"
what it was; as in protocol buffers, fields that have their default are left out. Contents are in it byte for byte, so that who looks for a secret in a file that is not sealed finds it.
"""

# Simpler than in reality (docs/simplifications.md): ciphers

from collections.abc import Iterator, Mapping
from typing import Any

CONSTANTS = {None: b"n", True: b"t", False: b"f"}
LETTERS = {b"n": None, b"t": True, b"f": False}


def pack(value: Any) -> bytes:
    """
    >>> pack(("web", 3, {"a": b"x"}, None))
    b'lu3:webi3edu1:ab1:xene'
    """
    parts: list[bytes] = []
    _write(value, parts)
    return b"".join(parts)


def _write(value: Any, parts: list[bytes]) -> None:
    if value is None or value is True or value is False:
        parts.append(CONSTANTS[value])
    elif isinstance(value, int):
        parts.append(b"i%de" % value)
    elif isinstance(value, bytes):
        parts.append(b"b%d:" % len(value) + value)
    elif isinstance(value, str):
        content = value.encode("utf-8", "surrogateescape")
        parts.append(b"u%d:" % len(content) + content)
    elif hasattr(value, "_fields"):
        parts.append(b"d")
        for part in ("is", type(value).__name__, *_fields(value)):
            _write(part, parts)
        parts.append(b"e")
    elif isinstance(value, Mapping):
        _write_all(b"d", (one for pair in value.items() for one in pair), parts)
    elif isinstance(value, tuple | list):
        _write_all(b"l", value, parts)
    else:
        _write(repr(value), parts)  # numbers with a point, and what else a disk may hold


def _fields(value: Any) -> Iterator[Any]:
    """Name and value in turn."""
    defaults = value._field_defaults
    for name, field in zip(value._fields, value, strict=True):
        usual = defaults.get(name, value)  # no field is the tuple itself
        if field is not usual and field != usual:
            yield name
            yield field


def _write_all(letter: bytes, values: Any, parts: list[bytes]) -> None:
    parts.append(letter)
    for value in values:
        _write(value, parts)
    parts.append(b"e")


def unpack(content: bytes) -> Any:
    """
    >>> unpack(pack(("web", 3, {"a": b"x"}, None)))
    ['web', 3, {'a': b'x'}, None]
    """
    return _read(content, 0)[0]


def _read(content: bytes, place: int) -> tuple[Any, int]:
    """The value that begins at a place, and where the next one begins."""
    letter = content[place : place + 1]
    if letter in LETTERS:
        return LETTERS[letter], place + 1
    if letter == b"i":
        end = content.index(b"e", place)
        return int(content[place + 1 : end]), end + 1
    if letter in b"bu":
        colon = content.index(b":", place)
        end = colon + 1 + int(content[place + 1 : colon])
        found = content[colon + 1 : end]
        return (found if letter == b"b" else found.decode("utf-8", "surrogateescape")), end
    values, place = [], place + 1
    while content[place : place + 1] != b"e":
        value, place = _read(content, place)
        values.append(value)
    return (values if letter == b"l" else dict(zip(values[::2], values[1::2], strict=True))), place + 1
