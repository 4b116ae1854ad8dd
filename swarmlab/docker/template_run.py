"""A template filled in: the tree of `templates` with a value as its dot.

Source: documentation of Go's `text/template`.
"""

from collections.abc import Mapping
from inspect import signature
from typing import Any

from . import go_values
from .go_values import GoError
from .template_functions import FUNCTIONS, IN_HEADERS, LAZY
from .templates import TOO_DEEP, Choice, Command, Literal, Path, Pipe, TemplateError


def render(parts: tuple, data: Any, header: bool = False) -> str:
    """The template filled in. Raises `TemplateError`. `header` leaves words as they are: it is the title of a table."""
    run = _Run(data, IN_HEADERS if header else FUNCTIONS)
    try:
        run.go(parts, data)
    except RecursionError:
        raise TemplateError(TOO_DEEP) from None
    return "".join(run.printed)


class _Run:
    def __init__(self, data: Any, functions: Mapping):
        self.functions = functions
        self.variables: list[tuple[str, Any]] = [("$", data)]
        self.printed: list[str] = []

    def go(self, parts: tuple, dot: Any) -> None:
        for part in parts:
            match part:
                case Choice():
                    self._choose(part, dot)
                case Pipe():
                    value = self._pipe(part, dot)
                    if not part.variables:
                        self.printed.append(go_values.text(value))
                case _:
                    self.printed.append(part)

    def _choose(self, choice: Choice, dot: Any) -> None:
        known = len(self.variables)
        if choice.word == "range":
            self._range(choice, dot)
        else:
            value = self._pipe(choice.pipe, dot)
            true = go_values.truth(value)
            self.go(choice.then if true else choice.otherwise, value if true and choice.word == "with" else dot)
        del self.variables[known:]

    def _range(self, choice: Choice, dot: Any) -> None:
        names, pipe = choice.pipe.variables, choice.pipe._replace(variables=())
        last = pipe.commands[-1]
        value = self._pipe(pipe, dot)
        found = _at(last.column, last.text, go_values.items, value)
        for key, element in found:
            known = len(self.variables)
            pair = (key, element) if len(names) > 1 else (element,)
            self.variables += zip(names, pair, strict=False)
            self.go(choice.then, element)
            del self.variables[known:]
        if not found:
            self.go(choice.otherwise, dot)

    # ── values ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _pipe(self, pipe: Pipe, dot: Any) -> Any:
        value: tuple = ()
        for command in pipe.commands:
            value = (self._command(command, value, dot),)
        for name in pipe.variables:
            if not pipe.declares:
                place = max(place for place, (known, _) in enumerate(self.variables) if known == name)
                self.variables[place] = (name, value[0])
            else:
                self.variables.append((name, value[0]))
        return value[0]

    def _command(self, command: Command, piped: tuple, dot: Any) -> Any:
        if not command.function:
            return self._value(command, piped, dot)
        if command.function in LAZY:
            return self._lazy(command, piped, dot)
        arguments = [*(self._operand(one, dot) for one in command.arguments), *piped]
        return self._call(command, arguments)

    def _value(self, command: Command, piped: tuple, dot: Any) -> Any:
        value = self._operand(command.arguments[0], dot)
        arguments = [*(self._operand(one, dot) for one in command.arguments[1:]), *piped]
        name = command.text.split(" ")[0]
        if isinstance(value, go_values.Method):
            if len(arguments) != 1:
                reason = f"wrong number of args for {name.rpartition('.')[2]}: want 1 got {len(arguments)}"
                raise _error(command.column, command.text, reason)
            return value.ask(go_values.text(arguments[0]))
        if arguments:
            raise _error(command.column, command.text, f"can't give argument to non-function {name}")
        return value

    def _lazy(self, command: Command, piped: tuple, dot: Any) -> Any:
        value: Any = None
        wanted = command.function == "or"
        for one in (*command.arguments, *(Literal(last) for last in piped)):
            value = self._operand(one, dot)
            if go_values.truth(value) == wanted:
                break
        return value

    def _call(self, command: Command, arguments: list) -> Any:
        function, name = self.functions[command.function], command.function
        try:
            signature(function).bind(*arguments)
        except TypeError:
            wanted = len(signature(function).parameters)
            reason = f"wrong number of args for {name}: want {wanted} got {len(arguments)}"
            raise _error(command.column, command.text, reason) from None
        try:
            return function(*arguments)
        except GoError as fault:
            # a value of the wrong type is noticed before the call
            reason = str(fault) if str(fault).startswith("wrong type") else f"error calling {name}: {fault}"
            raise _error(command.column, command.text, reason) from None

    def _operand(self, operand: Any, dot: Any) -> Any:
        if isinstance(operand, Literal):
            return operand.value
        assert isinstance(operand, Path)
        value = dot
        if isinstance(operand.start, Pipe):
            value = self._pipe(operand.start, dot)
        elif operand.start != ".":
            value = next(value for name, value in reversed(self.variables) if name == operand.start)
        for name in operand.names:
            value = _at(operand.column, operand.text, go_values.field, value, name)
        return value


def _at(column: int, text: str, act: Any, *arguments: Any) -> Any:
    try:
        return act(*arguments)
    except GoError as fault:
        raise _error(column, text, str(fault)) from None


def _error(column: int, text: str, reason: str) -> TemplateError:
    return TemplateError(f'template: :1:{column}: executing "" at <{text}>: {reason}')
