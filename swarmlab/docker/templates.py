"""Go's templates, as people type them after `--format`: what is written, as a tree.

Actions stand in `{{ }}`; a `-` inside trims the blanks around. There are fields (`.Spec.Name`), variables, literals,
functions, pipelines, and `if`, `range`, `with` with `else` and `end`. Named templates are left out.
Source: documentation of Go's `text/template`; docs.docker.com/engine/cli/formatting.
"""

# Simpler than in reality (docs/simplifications.md): go-templates

import json
import re
from typing import Any, NamedTuple

from .template_functions import BUILTINS
from .units import quote


class TemplateError(Exception):
    """A template that cannot be read, or asks for what is not there; the text is Go's."""


# ── the tree ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Literal(NamedTuple):
    value: Any


class Path(NamedTuple):
    """A value and the fields to follow from it. `start`: '.' the current thing, '$x' a variable, or a pipeline."""

    start: Any
    names: tuple[str, ...]
    column: int
    text: str


class Command(NamedTuple):
    """A value, or a function and its arguments."""

    function: str
    arguments: tuple
    column: int
    text: str


class Pipe(NamedTuple):
    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()  # that get the result
    declares: bool = True  # `:=`, not `=`


class Choice(NamedTuple):
    word: str  # if · with · range
    pipe: Pipe
    then: tuple
    otherwise: tuple


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────

_WORD = re.compile(
    r"""(?P<space>\s+)|(?P<string>"(?:\\.|[^"\\\n])*"|`[^`]*`)|(?P<number>[+-]?\d+(?:\.\d+)?)
    |(?P<field>\.[A-Za-z_]\w*)|(?P<dot>\.)|(?P<variable>\$\w*)|(?P<name>[A-Za-z_]\w*)|(?P<sign>:=|=|,|\||\(|\))""",
    re.VERBOSE,
)


class Word(NamedTuple):
    kind: str
    text: str
    column: int


END = Word("end", "", 0)


def _split(template: str) -> list:
    """Texts, and actions as lists of words, in turn."""
    pieces: list = []
    at, trim = 0, False
    while True:
        start = template.find("{{", at)
        text = template[at:] if start < 0 else template[at:start]
        text = text.lstrip() if trim else text
        if start < 0:
            return [*pieces, text]
        trims = re.match(r"\{\{-\s", template[start:])
        pieces.append(text.rstrip() if trims else text)
        words, at, trim = _words(template, start + (3 if trims else 2))
        if words is not None:
            pieces.append(words)


def _words(template: str, at: int) -> tuple[list[Word] | None, int, bool]:
    """The words of one action (None for a comment), where it ends, and whether the blanks behind it go."""
    comment = re.compile(r"\s*/\*.*?\*/(\s+-)?\}\}", re.DOTALL).match(template, at)
    if comment:
        return None, comment.end(), bool(comment[1])
    words: list[Word] = []
    while True:
        if end := re.compile(r"(\s+-)?\}\}").match(template, at):
            return words, end.end(), bool(end[1])
        found = _WORD.match(template, at)
        if not found:
            raise TemplateError(f"template: :1: {_why(template, at)}")
        kind = str(found.lastgroup)
        if kind != "space" or (words and words[-1].kind != "space"):
            words.append(Word(kind, found[0], at - (template.rfind("\n", 0, at) + 1)))
        at = found.end()


def _why(template: str, at: int) -> str:
    if at >= len(template):
        return "unclosed action"
    sign = template[at]
    if sign in '"`':
        return "unterminated quoted string" if sign == '"' else "unterminated raw quoted string"
    if sign == "}" or sign.isascii():
        return (
            f"bad character U+{ord(sign):04X} '{sign}'"
            if sign == "}"
            else f"unexpected bad character U+{ord(sign):04X} '{sign}' in command"
        )
    return f"unrecognized character in action: U+{ord(sign):04X} '{sign}'"


# ── words → tree ─────────────────────────────────────────────────────────────────────────────────────────────────


TOO_DEEP = "template: :1: max expression depth exceeded"


def parse(template: str) -> tuple:
    """A template as texts, pipes and choices. Raises `TemplateError`."""
    reader = _Reader(_split(template))
    try:
        parts, closed_by = reader.parts()
    except RecursionError:
        raise TemplateError(TOO_DEEP) from None
    if closed_by:
        raise TemplateError(f"template: :1: unexpected {{{{{closed_by}}}}}")
    return parts


class _Reader:
    def __init__(self, pieces: list):
        self.pieces = pieces
        self.words: list[Word] = []
        self.variables = ["$"]

    def parts(self) -> tuple[tuple, str]:
        """Parts up to an `else` or `end`, which is returned too ('' at the end of the template)."""
        parts: list = []
        while self.pieces:
            piece = self.pieces.pop(0)
            if isinstance(piece, str):
                parts.append(piece)
                continue
            self.words = [word for word in piece if word.kind != "space" or word is not piece[-1]]
            word = self.words[0].text if self.words and self.words[0].kind == "name" else ""
            if word in ("end", "else"):
                return tuple(parts), word
            if word in ("if", "range", "with"):
                parts.append(self._choice(word))
            elif word in ("define", "template", "block", "break", "continue"):
                raise TemplateError(f"template: :1: {word} is beyond the templates of the simulation")
            else:
                parts.append(self._pipe("command"))
        return tuple(parts), ""

    def _choice(self, word: str) -> Choice:
        self._next()
        known = len(self.variables)
        pipe = self._pipe(word)
        then, closed_by = self.parts()
        otherwise: tuple = ()
        if closed_by == "else":
            otherwise, closed_by = self._else()
        if closed_by != "end":
            raise TemplateError("template: :1: unexpected EOF")
        del self.variables[known:]
        return Choice(word, pipe, then, otherwise)

    def _else(self) -> tuple[tuple, str]:
        """`else`, or `else if …` and `else with …`, which share the `end`."""
        self._next()
        self._skip_space()
        word = self.words[0].text if self.words else ""
        if word in ("if", "with"):
            return (self._choice(word),), "end"
        return self.parts()

    # ── one action ───────────────────────────────────────────────────────────────────────────────────────────────

    def _next(self) -> Word:
        return self.words.pop(0) if self.words else END

    def _peek(self) -> Word:
        return self.words[0] if self.words else END

    def _skip_space(self) -> None:
        while self._peek().kind == "space":
            self._next()

    def _pipe(self, context: str, closed_by: str = "") -> Pipe:
        self._skip_space()
        variables, declares = self._declared(context)
        commands: list[Command] = []
        while True:
            commands.append(self._command(context if not commands else "command"))
            if self._peek().text != "|":
                break
            self._next()
        if closed_by and self._next().text != closed_by:
            raise TemplateError("template: :1: unclosed left paren")
        if not closed_by and self.words:
            raise TemplateError(f"template: :1: unexpected {quote(self._peek().text)} in {context}")
        if declares:
            self.variables += variables
        return Pipe(tuple(commands), variables, declares)

    def _declared(self, context: str) -> tuple[tuple[str, ...], bool]:
        words = [word for word in self.words if word.kind != "space"]
        names: list[str] = []
        while words and words[0].kind == "variable":
            names.append(words.pop(0).text)
            sign = words.pop(0).text if words else ""
            if sign in (":=", "="):
                self.words = self.words[self.words.index(next(w for w in self.words if w.text == sign)) + 1 :]
                return tuple(names), sign == ":="
            if sign != "," or context != "range":
                break
        return (), True

    def _command(self, context: str) -> Command:
        self._skip_space()
        first, arguments = self._peek(), []
        function = ""
        if first.kind == "name" and first.text not in ("true", "false", "nil"):
            function = self._next().text
            if function not in BUILTINS:
                raise TemplateError(f"template: :1: function {quote(function)} not defined")
        while True:
            self._skip_space()
            if self._peek().text in ("", "|", ")"):
                break
            arguments.append(self._operand())
        if not function and not arguments:
            raise TemplateError(f"template: :1: missing value for {context}")
        if not function and len(arguments) > 1:
            function, arguments = "", arguments  # what is no function gets arguments: said when it is run
        text = " ".join([*([function] if function else []), *(_shown(one) for one in arguments)])
        return Command(function, tuple(arguments), first.column, text)

    def _operand(self) -> Any:
        word = self._next()
        match word.kind:
            case "string":
                return Literal(_unquoted(word.text))
            case "number":
                return Literal(float(word.text) if "." in word.text else _whole(word.text))
            case "name" if word.text in ("true", "false", "nil"):
                return Literal({"true": True, "false": False, "nil": None}[word.text])
            case "name":
                if word.text not in BUILTINS:
                    raise TemplateError(f"template: :1: function {quote(word.text)} not defined")
                command = Command(word.text, (), word.column, word.text)
                return self._path(Pipe((command,)), word, word.text)
            case "variable":
                if word.text not in self.variables:
                    raise TemplateError(f"template: :1: undefined variable {quote(word.text)}")
                return self._path(word.text, word, word.text)
            case "field":
                self.words.insert(0, word)
                return self._path(".", word, "")
            case "dot":
                return self._path(".", word, ".")
        if word.text == "(":
            pipe = self._pipe("parenthesized pipeline", closed_by=")")
            return self._path(pipe, word, f"({' | '.join(command.text for command in pipe.commands)})")
        raise TemplateError(f"template: :1: unexpected {quote(word.text)} in operand")

    def _path(self, start: Any, word: Word, text: str) -> Path:
        """A field chain has the place of its second field, as Go counts."""
        names: list[Word] = []
        while self._peek().kind == "field":
            names.append(self._next())
        fields = 1 if isinstance(start, str) and start == "." else 0
        column = names[fields].column if len(names) > fields else word.column
        return Path(start, tuple(name.text[1:] for name in names), column, text + "".join(n.text for n in names))


def _whole(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise TemplateError(f"template: :1: integer overflow: {quote(text)}")
    return int(text)


def _unquoted(text: str) -> str:
    if text[0] == "`":
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError:
        raise TemplateError("template: :1: invalid syntax") from None


def _shown(operand: Any) -> str:
    if isinstance(operand, Literal):
        return quote(operand.value) if isinstance(operand.value, str) else str(operand.value)
    return operand.text
