"""A figure with knobs: each position is a new simulation, its picture is kept."""

from collections.abc import Callable, Mapping
from html import escape
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

from . import ink


class Names(anywidget.AnyWidget):
    """Draws nothing: it names the knobs and the picture beside it for who does not see them, and keeps their keys from JupyterLab."""

    _esm = Path(__file__).parent / "static" / "explore.js"

    alt = traitlets.Unicode().tag(sync=True)


class Explore(widgets.VBox):
    """Knobs and one picture: `Explore(draw, managers=(1, 7, 2), drain=False, strategy=[spread, binpack])`.

    A knob is `(least, most)` or `(least, most, step)` for a slider, a list or a mapping of options, or True or False.
    It begins where `draw` has its default, else at its first position. `draw(**values)` returns a figure or axes, or
    one of them and a sentence, the caption. `alt` says what the picture shows, for those who do not see it.

    There is no output area, so nothing but the picture and the caption ever changes: a notebook with it can be
    compared, cell by cell. What goes wrong in `draw` is one line in the caption, and the last picture stays.
    """

    def __init__(self, draw: Callable, alt: str = "", **knobs: Any):
        defaults = _defaults(draw)
        controls = {name: _control(name, spec, defaults.get(name, ...)) for name, spec in knobs.items()}
        # No tooltip: a picture with one is not drawn at all, since its view asks for a description, and has none.
        picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%", display="none"))
        caption, names = widgets.HTML(), Names()
        row = widgets.HBox(list(controls.values()), layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([row, picture, caption, names])
        self.draw, self.alt, self.controls = draw, alt, controls
        self.picture, self.caption, self.names = picture, caption, names
        self.drawn: dict[tuple, tuple] = {}  # position → PNG, width in pixels, sentence
        for control in controls.values():
            control.observe(self._moved, names="value")
        self._moved()

    @property
    def values(self) -> dict[str, Any]:
        """Where the knobs stand."""
        return {name: control.value for name, control in self.controls.items()}

    def __repr__(self) -> str:
        return f"Explore({', '.join(f'{name}={_label(control)}' for name, control in self.controls.items())})"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and for those who have none the position of its knobs."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self)}, metadata

    def _moved(self, _change: Any = None) -> None:
        """Show the picture of this position, drawing it if nobody was here before."""
        position = tuple(_label(control) for control in self.controls.values())
        try:
            if position not in self.drawn:
                self.drawn[position] = _drawn(self.draw(**self.values))
        except Exception as error:  # a learner's function may do anything; the knobs must go on working
            said = " ".join(str(error).split())
            self.caption.value = f"<p>{escape(f'{type(error).__name__}: {said}' if said else type(error).__name__)}</p>"
            return
        png, width, sentence = self.drawn[position]
        self.picture.value, self.picture.layout.width, self.picture.layout.display = png, f"{width}px", None
        self.caption.value = f"<p>{escape(sentence or self.alt)}</p>"
        self.names.alt = self.alt or sentence or "a figure that follows the knobs"


def _defaults(draw: Callable) -> dict[str, Any]:
    """The parameters of a function that have a default."""
    return {p.name: p.default for p in signature(draw).parameters.values() if p.default is not Parameter.empty}


def _control(name: str, spec: Any, default: Any) -> Any:
    """The control for a knob. A slider says its value only when it is let go."""
    words = {"description": name.replace("_", " "), "style": {"description_width": "initial"}}
    if isinstance(spec, bool):
        return widgets.Checkbox(value=spec if default is ... else bool(default), indent=False, **words)
    if isinstance(spec, tuple) and len(spec) in (2, 3) and all(_is_number(part) for part in spec):
        return _slider(spec, default, words)
    if isinstance(spec, list | Mapping) and spec:
        options = list(spec.items()) if isinstance(spec, Mapping) else [(_name(option), option) for option in spec]
        known = [value for _, value in options]
        return widgets.Dropdown(options=options, value=default if default in known else known[0], **words)
    raise ValueError(f"{name}={spec!r}: a knob is (least, most, step), a list of options, or True or False")


def _slider(spec: tuple, default: Any, words: dict) -> Any:
    """A slider over whole numbers when all of them are, else over fractions, at a default that lies in its range."""
    least, most, *step = spec
    at = default if _is_number(default) and least <= default <= most else least
    shared = words | {"min": least, "max": most, "value": at, "continuous_update": False}
    if all(isinstance(part, int) for part in spec):
        return widgets.IntSlider(step=step[0] if step else 1, **shared)
    grain = step[0] if step else (most - least) / 20
    digits = max(0, len(f"{grain:.6f}".rstrip("0").partition(".")[2]))
    return widgets.FloatSlider(step=grain, readout_format=f".{digits}f", **shared)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _name(option: Any) -> str:
    """An option in words; a function by its name."""
    return getattr(option, "__name__", None) or str(option)


def _label(control: Any) -> str:
    """Where a control stands, in words that are the same in every run."""
    if isinstance(control, widgets.FloatSlider):
        return f"{control.value:.10g}"
    return control.label if isinstance(control, widgets.Dropdown) else repr(control.value)


def _drawn(result: Any) -> tuple[bytes, int, str]:
    """What `draw` gave, as PNG, its width on the page, and the sentence; the figure is closed."""
    from matplotlib import pyplot

    thing, sentence = result if isinstance(result, tuple) else (result, "")
    fig = ink.figure_of(thing)
    try:
        return ink.png(fig), round(fig.get_figwidth() * ink.CSS), sentence
    finally:
        pyplot.close(fig)
