"""Knobs and one picture: each position is drawn once, and what goes wrong is one line."""

import ipywidgets as widgets
import pytest
from matplotlib.figure import Figure

from swarmlab.viz.explore import Explore


class Draw:
    """Draws as many points as it is told, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, managers=3, latency=0.05, drain=False):
        self.asked.append((managers, latency, drain))
        if managers == 6:
            raise ValueError("six\n<managers>")
        fig = Figure(figsize=(2, 1))
        ax = fig.subplots()
        ax.plot(range(managers), [latency] * managers, "o")
        return ax, f"{managers} managers"


KNOBS = {"managers": (1, 7), "latency": (0.01, 0.2, 0.01), "drain": False}


def test_knobs_begin_at_the_defaults_of_the_function():
    draw = Draw()
    explore = Explore(draw, **KNOBS)
    assert draw.asked == [(3, 0.05, False)]
    assert explore.values == {"managers": 3, "latency": 0.05, "drain": False}


def test_without_a_default_they_begin_at_the_first_position():
    assert Explore(lambda n, word: Figure(), n=(2, 8, 2), word=["a", "b"]).values == {"n": 2, "word": "a"}


def test_a_default_out_of_range_is_not_used():
    assert Explore(lambda n=50: Figure(), n=(2, 8)).values == {"n": 2}


def test_turning_a_knob_replaces_picture_and_caption():
    explore = Explore(Draw(), **KNOBS)
    before = explore.picture.value
    explore.controls["managers"].value = 5
    assert explore.picture.value != before and bytes(explore.picture.value).startswith(b"\x89PNG")
    assert explore.caption.value == "<p>5 managers</p>"


def test_a_position_is_drawn_once():
    draw = Draw()
    explore = Explore(draw, **KNOBS)
    first = explore.picture.value
    for managers in (5, 3, 5, 3):
        explore.controls["managers"].value = managers
    assert len(draw.asked) == 2 and explore.picture.value == first


def test_an_error_is_one_line_and_the_old_picture_stays():
    explore = Explore(Draw(), **KNOBS)
    before = explore.picture.value
    explore.controls["managers"].value = 6
    assert explore.caption.value == "<p>ValueError: six &lt;managers&gt;</p>"
    assert explore.picture.value == before
    explore.controls["managers"].value = 5
    assert explore.caption.value == "<p>5 managers</p>"


def test_an_error_at_the_first_position_shows_no_picture_yet():
    explore = Explore(Draw(), managers=(6, 7), drain=True)
    assert explore.picture.layout.display == "none" and "six" in explore.caption.value
    explore.controls["managers"].value = 7
    assert explore.picture.layout.display is None


def test_its_text_is_the_position_and_the_same_in_every_run():
    bundles = [Explore(Draw(), **KNOBS)._repr_mimebundle_() for _ in range(2)]
    for data, _ in bundles:
        assert data["text/plain"] == "Explore(managers=3, latency=0.05, drain=False)"
        assert "application/vnd.jupyter.widget-view+json" in data
        assert "text/html" not in data


def test_options_may_be_functions_and_are_called_by_their_name():
    def spread(): ...
    def binpack(): ...

    chosen = []
    explore = Explore(lambda strategy: chosen.append(strategy) or Figure(), strategy=[spread, binpack])
    explore.controls["strategy"].value = binpack
    assert chosen == [spread, binpack] and repr(explore) == "Explore(strategy=binpack)"


def test_options_may_have_words_of_their_own():
    explore = Explore(lambda ticks: Figure(), ticks={"Swarm's": 1_000_000, "the paper's": 15_000})
    assert explore.values == {"ticks": 1_000_000} and repr(explore) == "Explore(ticks=Swarm's)"


def test_sliders_answer_when_they_are_let_go_and_nothing_is_an_output_area():
    explore = Explore(Draw(), **KNOBS)
    assert isinstance(explore.controls["managers"], widgets.IntSlider)
    assert isinstance(explore.controls["latency"], widgets.FloatSlider)
    assert not explore.controls["managers"].continuous_update and not explore.controls["latency"].continuous_update
    assert [type(child).__name__ for child in explore.children] == ["HBox", "Image", "HTML", "Names"]


def test_words_for_those_who_do_not_see_it():
    explore = Explore(lambda n: Figure(), alt="A row of managers, each with its ring", n=(1, 2))
    assert explore.picture.tooltip is None and "each with its ring" in explore.caption.value
    assert "A row of managers" in explore.caption.value  # the function gave no sentence of its own


@pytest.mark.parametrize("knob", [7, "word", [], (1,), (1, "b"), (1, 2, 3, 4), (True, False)])
def test_a_knob_that_is_none_is_refused_with_what_it_may_be(knob):
    with pytest.raises(ValueError, match="a knob is"):
        Explore(Draw(), managers=knob)


def test_figures_of_pyplot_are_closed():
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    before = pyplot.get_fignums()
    Explore(lambda n: pyplot.figure(), n=(1, 2)).controls["n"].value = 2
    assert pyplot.get_fignums() == before


def test_its_picture_has_the_words_that_were_given_else_those_of_the_caption():
    assert Explore(Draw(), alt="Points", **KNOBS).names.alt == "Points"
    explore = Explore(Draw(), **KNOBS)
    assert explore.names.alt == "3 managers"
    explore.controls["managers"].value = 5
    assert explore.names.alt == "5 managers"
