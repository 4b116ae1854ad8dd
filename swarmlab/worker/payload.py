"""Templates in secrets and configs, filled in for one task: `{{.Service.Name}}`, `{{env "X"}}`, `{{secret "n"}}`.

Filled in are chains of fields and calls of `env`, `secret` and `config` with one text; anything else of Go's language
stays as it is. `secret` and `config` name a target of the same task. Source: swarmkit `template/context.go`
(PayloadContext), `template/getter.go`; texts of Go's `text/template`.
"""

# Simpler than in reality (docs/simplifications.md): payload-templates

import re
from collections.abc import Callable, Mapping

from .expansion import LABEL, label

FUNCTIONS = ("config", "env", "secret")
BUILT_IN = """and break call continue define else end eq ge gt html if index js join le len lt ne nil not or print printf println
range slice template true false urlquery with block""".split()
KINDS = {  # how Go calls what the fields of a template hang on
    "": "*template.PayloadContext",
    ".Service": "struct { ID string; Name string; Labels map[string]string }",
    ".Node": "struct { ID string; Hostname string; Platform template.Platform }",
    ".Node.Platform": "template.Platform",
    ".Task": "struct { ID string; Name string; Slot string }",
}

# Blanks before an action are looked at from their first on, or not at all: a text of blanks alone would take for ever.
_ACTION = re.compile(r"(?:(?:(?<!\s)\s+)?\{\{-\s+|\{\{\s*)(.*?)(?:\s+-\}\}\s*|\s*\}\})", re.ASCII | re.DOTALL)
_CHAIN = re.compile(r"(?:\.[A-Za-z_]\w*)+", re.ASCII)
_CALL = re.compile(r"([A-Za-z_]\w*)(?:\s+(?:\"([^\"\\\n]*)\"|`([^`]*)`))?", re.ASCII)


class Fault(Exception):
    """A template that cannot be filled in: the text is Go's."""


def filled(text: str, words: Mapping[str, str], functions: Mapping[str, Callable[[str], str]]) -> str:
    """The text with its templates replaced. Raises Fault.

    >>> filled('{{.Task.Slot}} {{env "A"}}', {".Task.Slot": "2"}, {"env": str.lower})
    '2 a'
    """
    _parse(text)
    return _ACTION.sub(lambda found: _value(found, text, words, functions), text)


def _parse(text: str) -> None:
    """What Go finds before it fills anything in. Raises Fault."""
    opened = text.rfind("{{")
    if opened >= 0 and "}}" not in text[opened:]:
        raise Fault(f"template: expansion:{_line(text, len(text))}: unclosed action")
    for found in _ACTION.finditer(text):
        call = _CALL.match(found[1])
        if call and call[1] not in FUNCTIONS and call[1] not in BUILT_IN:
            raise Fault(f'template: expansion:{_line(text, found.start(1))}: function "{call[1]}" not defined')


def _value(found: re.Match, text: str, words: Mapping, functions: Mapping) -> str:
    action = found[1]
    if action.startswith("/*") and action.endswith("*/"):
        return ""
    if _CHAIN.fullmatch(action):
        return _field(found, text, words)
    if LABEL.fullmatch(action):
        return label(action, words)
    call = _CALL.fullmatch(action)
    if not call or call[1] not in FUNCTIONS:
        return found[0]
    if call[2] is None and call[3] is None:
        raise _at(found, text, 0, f"wrong number of args for {call[1]}: want 1 got 0")
    try:
        return functions[call[1]](call[2] if call[3] is None else call[3])
    except Fault as fault:
        raise _at(found, text, 0, f"error calling {call[1]}: {fault}") from None


def _field(found: re.Match, text: str, words: Mapping) -> str:
    chain = found[1]
    if chain in words:
        return words[chain]
    if chain in KINDS:
        return found[0]
    second = max(chain.find(".", 1), 0)  # Go names the second field of a chain as its place
    if chain.startswith(".Service.Labels."):
        raise _at(found, text, second, f'map has no entry for key "{chain.rpartition(".")[2]}"')
    known = ""
    for name in chain[1:].split("."):
        if f"{known}.{name}" not in KINDS:
            break
        known = f"{known}.{name}"
    raise _at(found, text, second, f"can't evaluate field {name} in type {KINDS[known]}")


def _at(found: re.Match, text: str, offset: int, why: str) -> Fault:
    place = found.start(1) + offset
    column = place - (text.rfind("\n", 0, place) + 1)
    shown = found[1] if len(found[1]) <= 20 else found[1][:20] + "..."
    return Fault(f'template: expansion:{_line(text, place)}:{column}: executing "expansion" at <{shown}>: {why}')


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
