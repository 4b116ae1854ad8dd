"""The why-board: up to the first failure and no further, with the value that decided."""

from types import SimpleNamespace
from typing import NamedTuple

import pytest
from test_raft_pictures import covered, outside, words

from swarmlab.viz.whyboard import board_of, draw_why, tell_why, why_board, why_html, why_text

FILTERS = ("ready", "resource", "constraint")
LINE = "no suitable node (insufficient resources on 1 node; scheduling constraints not satisfied on 1 node)"


def why(ranks=None, extra=()):
    rows = (
        ("worker-1", ((True, ""), (False, "2 GiB wanted, 512 MiB left"), (True, "never looked at"))),
        ("worker-2", ((True, ""), (True, ""), (False, "zone=east, wanted <west>"))),
        *extra,
    )
    return SimpleNamespace(task="web.4", filters=FILTERS, rows=rows, ranks=ranks, explanation="" if ranks else LINE)


PLACED = why((("worker-3", 0, 1, 2),), (("worker-3", ((True, ""),) * 3),))


def test_nothing_stands_behind_the_first_failure():
    assert "never looked at" not in why_text(why()) + why_html(why()) + " ".join(words(draw_why(why())))
    assert [len(row.cells) for row in board_of(why()).rows] == [2, 3]


def test_ranks_stand_only_with_who_passed_everything():
    assert "failures" not in why_text(why())
    text = why_text(PLACED, chosen="worker-3")
    assert text.splitlines()[-1].split() == ["worker-3", "◂", "✓", "✓", "✓", "0", "1", "2"]


def test_dockers_line_is_the_caption():
    assert why_text(why()).splitlines()[-1] == LINE
    assert " ".join(words(draw_why(why()))).count("no suitable node") == 1
    assert LINE in tell_why(why()) and "worker-1 fails resource (2 GiB wanted, 512 MiB left)" in tell_why(why())


def test_the_table_escapes_what_it_shows():
    html = why_board(why())._repr_html_()
    assert "&lt;west&gt;" in html and "<west>" not in html
    assert html.count("<tr>") == 3 and 'scope="row"' in html


def test_where_there_is_no_page_it_is_text():
    assert repr(why_board(PLACED)) == why_text(PLACED)


def test_nodes_that_fare_alike_share_a_row_when_there_are_many():
    rows = tuple((f"w-{n}", ((n % 2 == 0, "drained" if n % 2 else ""),)) for n in range(40))
    board = board_of(SimpleNamespace(task="t", filters=("ready",), rows=rows, ranks=None, explanation=""))
    assert [row.name for row in board.rows] == ["w-0 + 19 more", "w-1 + 19 more"]


@pytest.mark.parametrize("length", [4, 12, 30])
def test_no_label_covers_another(length):
    names = ("ready", "resource", "plugin", "constraint", "platform", "host port", "max replicas", "volumes")
    cells = tuple((True, "x " * (length // 2)) for _ in names)
    rows = (("manager-1", cells), ("worker-1", (*cells[:3], (False, "zone is missing, wanted west"))))
    many = SimpleNamespace(task="t", filters=names, rows=rows, ranks=(("manager-1", 0, 1, 2),), explanation=LINE * 2)
    ax = draw_why(many, chosen="manager-1")
    assert covered(ax) == [] and outside(ax) == []


def test_a_task_may_be_the_thing_itself():
    assert board_of(SimpleNamespace(**vars(why()) | {"task": SimpleNamespace(name="web.4")})).task == "web.4"


class Cell(NamedTuple):
    filter: str
    passes: bool
    wanted: str
    has: str


def test_it_reads_what_the_engine_says():
    rows = (
        SimpleNamespace(node="x", hostname="worker-1", passes=False, cells=(Cell("ready", True, "", ""), Cell("constraint", False, "node.labels.zone==a", "b"))),
        SimpleNamespace(node="y", hostname="worker-2", passes=True, cells=(Cell("ready", True, "", ""), Cell("constraint", True, "node.labels.zone==a", "a"))),
    )  # fmt: skip
    ranks = (SimpleNamespace(node="y", hostname="worker-2", failures=0, service_tasks=1, tasks=2),)
    shares = (SimpleNamespace(values=("a",), tasks=1, nodes=1), SimpleNamespace(values=("",), tasks=0, nodes=2))
    said = SimpleNamespace(
        task="id", filters=("ready", "constraint"), rows=rows, shares=shares, ranks=ranks, explanation=""
    )
    board = board_of(said)
    assert board.rows[0].cells == ((True, ""), (False, "b; wanted node.labels.zone==a"))
    assert board.rows[1].cells[1] == (True, "a") and board.rows[1].ranks == (0, 1, 2)
    assert why_text(said).splitlines()[-1] == (
        "preferences, branch by branch: a: 1 task, 1 node fit; no label: 0 tasks, 2 nodes fit"
    )
    ax = draw_why(said)
    assert covered(ax) == [] and outside(ax) == []
