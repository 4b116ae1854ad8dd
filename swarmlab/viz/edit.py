"""A text to edit, and beside it what comes of it: each change is computed anew when the hand is off."""

from collections.abc import Callable
from html import escape
from typing import Any

import ipywidgets as widgets


class Edit(widgets.Box):
    """A text and what `show(text)` makes of it: `Edit(file, lambda text: stack_file(lines(text)))`.

    `show` returns something that a notebook can show as HTML, or text. What goes wrong in it is one line, in its own
    words, and the text stays as it is. The result stands below, or beside where there is room for both. There is no output area, so a notebook with it can be compared, cell by cell.
    """

    def __init__(self, text: str, show: Callable[[str], Any], rows: int = 0, beside: bool = False):
        high = rows or min(30, text.count("\n") + 2)
        self.show = show
        half = {"width": "auto", "min_width": "0", "flex": "1 1 0%" if beside else "none"}
        words = "A text to edit"  # its name for who does not see it: nothing else would be one
        self.area = widgets.Textarea(value=text, placeholder=words, rows=high, continuous_update=False, layout=half)
        self.area.add_class("sl-edit")
        self.seen = widgets.HTML(layout=half)
        flow = widgets.Layout(
            flex_flow="row" if beside else "column", align_items="flex-start" if beside else "stretch"
        )
        super().__init__([self.area, self.seen], layout=flow)
        self.area.observe(self._edited, names="value")
        self._edited()

    def __repr__(self) -> str:
        return f"Edit({self.area.value.count(chr(10)) + 1} lines)"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and for those who have none one line."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**(data or {}), "text/plain": repr(self)}, metadata

    def _edited(self, _change: Any = None) -> None:
        """Show what comes of the text; an error is one line."""
        try:
            self.seen.value = _html(self.show(self.area.value))
        except Exception as error:  # a learner types anything; the text must stay editable
            self.seen.value = f"<p><b>✕</b> {escape(' '.join(str(error).split()) or type(error).__name__)}</p>"


def _html(thing: Any) -> str:
    """As a notebook would show it."""
    if hasattr(thing, "_repr_html_"):
        return thing._repr_html_()
    return f'<pre style="white-space:pre-wrap">{escape(str(thing))}</pre>'
