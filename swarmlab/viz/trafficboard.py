"""Traffic with knobs: the kernel counts the requests, the browser draws how they are spread, the queues, the tails."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from inspect import Parameter, signature
from typing import Any

import anywidget
import traitlets
from matplotlib.figure import Figure

from . import ink
from .balancers import draw_balancers, tell_balancers
from .player import KIT
from .raftboard import source_of
from .trafficfold import Panel, panels_of, said

__all__ = ["TrafficBoard"]

KEPT = 300  # positions whose result is kept


class TrafficBoard(anywidget.AnyWidget):
    """Knobs, and a row of small pictures per run: `TrafficBoard(run, load=(0.1, 0.95, 0.05), balancer=["rr", "lc"])`.

    `run(**knobs)` gives the requests of one run, or of several by title (what `draw_balancers` takes), and if it likes a
    sentence beside them. A knob is `(least, most)` or `(least, most, step)` for a slider, a list or a mapping of
    options, or True or False; it begins where `run` has its default. `words` names knobs for people.
    """

    _esm = KIT + source_of("trafficboard.js")
    _css = source_of("player.css", "trafficboard.css")

    knobs = traitlets.List().tag(sync=True)
    position = traitlets.Dict().tag(sync=True)  # from the browser: where the knobs stand; options by their place
    result = traitlets.Dict().tag(sync=True)  # to the browser: the panels of a position

    def __init__(self, run: Callable, words: Mapping[str, str] | None = None, **knobs: Any):
        defaults = _defaults(run)
        self.options = {name: _options(spec) for name, spec in knobs.items()}
        rows = [_knob(name, spec, defaults.get(name, ...), words or {}) for name, spec in knobs.items()]
        self.run, self.kept = run, dict[tuple, dict]()
        position = {row["name"]: row["value"] for row in rows}
        super().__init__(knobs=rows, position=position, result={})
        self.result = self._result(position)
        if "error" in self.result:
            raise ValueError(self.result["error"])
        self.observe(self._moved, names="position")

    @property
    def values(self) -> dict[str, Any]:
        """Where the knobs stand."""
        return self._values(self.position)

    @property
    def panels(self) -> dict[str, Panel]:
        """What is shown."""
        return {title: Panel(**each) for title, each in self.result["panels"]}

    def still(self) -> Figure:
        """The same as a figure, for `show(board.still(), board.tell())`."""
        return draw_balancers(self.panels)

    def tell(self) -> str:
        """What is shown, in words."""
        return " ".join(filter(None, (self.result.get("said", ""), tell_balancers(self.panels))))

    def __repr__(self) -> str:
        at = ", ".join(f"{row['label']} {_spoken(row, self.position[row['name']])}" for row in self.knobs)
        p99 = ", ".join(f"{title} {said(each.marks['p99'], each.unit)}".strip() for title, each in self.panels.items())
        return f"TrafficBoard({at}; p99: {p99})".replace("\n", " ")

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and for those who have none a line and a picture."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        figure = self.still()
        picture = b64encode(ink.png(figure)).decode()
        size = {"alt": self.tell(), "width": round(figure.get_figwidth() * ink.CSS)}
        return {**(data or {}), "text/plain": repr(self), "image/png": picture}, metadata | {"image/png": size}

    def _values(self, position: Mapping[str, Any]) -> dict[str, Any]:
        """Positions as what `run` takes."""
        return {name: options[position[name]] if options else position[name] for name, options in self.options.items()}

    def _moved(self, change: Any) -> None:
        result = self._result(change["new"])
        self.result = result if "error" not in result else self.result | result

    def _result(self, position: Mapping[str, Any]) -> dict:
        """What comes of this position; what goes wrong is one line."""
        key = tuple(position.items())
        if key not in self.kept:
            while len(self.kept) >= KEPT:
                del self.kept[next(iter(self.kept))]
            self.kept[key] = self._computed(position)
        return self.kept[key] | {"position": dict(position)}

    def _computed(self, position: Mapping[str, Any]) -> dict:
        try:
            runs = self.run(**self._values(position))
            runs, text = runs if isinstance(runs, tuple) and len(runs) == 2 else (runs, "")
            panels = panels_of(runs)
        except Exception as error:  # a learner's function may do anything; the knobs must go on working
            return {"error": " ".join(str(error).split()) or type(error).__name__}
        return {"panels": [[title, each._asdict()] for title, each in panels.items()], "said": text}


def _defaults(run: Callable) -> dict[str, Any]:
    return {p.name: p.default for p in signature(run).parameters.values() if p.default is not Parameter.empty}


def _options(spec: Any) -> list | None:
    """The values of a knob that is a choice."""
    if isinstance(spec, bool):
        return None
    return list(spec.values()) if isinstance(spec, Mapping) else list(spec) if isinstance(spec, list) else None


def _knob(name: str, spec: Any, default: Any, words: Mapping[str, str]) -> dict:
    """A knob as the browser is told of it."""
    row = {"name": name, "label": words.get(name, name.replace("_", " "))}
    options = _options(spec)
    if isinstance(spec, bool):
        return row | {"kind": "switch", "value": spec if default is ... else bool(default)}
    if options:
        titles = list(spec) if isinstance(spec, Mapping) else [_title(option) for option in options]
        chosen = _place(options, default)
        return row | {"kind": "choice", "options": [str(title) for title in titles], "value": chosen}
    if isinstance(spec, tuple) and len(spec) in (2, 3) and all(_is_number(part) for part in spec):
        return row | _slider(spec, default)
    raise ValueError(f"{name}={spec!r}: a knob is (least, most, step), a list of options, or True or False")


def _place(options: list, default: Any) -> int:
    """Where the default stands; the very same thing comes before an equal one, since laws of one mean are equal tuples."""
    same = [n for n, option in enumerate(options) if option is default]
    return (same or [n for n, option in enumerate(options) if option == default] or [0])[0]


def _slider(spec: tuple, default: Any) -> dict:
    least, most, *rest = spec
    whole = all(isinstance(part, int) for part in spec)
    step = rest[0] if rest else 1 if whole else (most - least) / 20
    at = default if _is_number(default) and least <= default <= most else least
    return {"kind": "range", "least": least, "most": most, "step": step, "whole": whole, "value": at}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _title(option: Any) -> str:
    """An option in words; a function by its name."""
    return getattr(option, "__name__", str(option)).replace("_", " ")


def _spoken(row: dict, value: Any) -> str:
    if row["kind"] == "choice":
        return row["options"][value]
    return ("yes" if value else "no") if row["kind"] == "switch" else f"{value:.10g}"
