"""The judges of lesson 09: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

import pytest

from swarmlab.lessons import counterexample, lesson09, scenes09
from swarmlab.lessons.scenes09 import answers, dealt, grown, node_dies, on_which, seen, serving, visited
from swarmlab.overlay.balancers import (
    at_random,
    least_connections,
    least_response_time,
    round_robin,
    two_choices,
    willing,
)
from swarmlab.traffic.measures import error_rate, mean_latency, percentiles
from swarmlab.traffic.workload import Exponential, Poisson, Workload

from .judging import said

# ── recall ──


@pytest.fixture(scope="module")
def board():
    cluster, asked = lesson09.fresh_board()
    return cluster, asked, lesson09.ask(cluster, asked)


def test_recall_takes_what_the_swarm_does(capsys, board):
    _, _, right = board
    assert right == ["web.2", "web.1", "web.2", "web.2", "web.3", "web.3"]  # as the solution says
    assert said(capsys, "09.recall", right) == "correct"
    assert said(capsys, "09.recall", [int(name[-1]) for name in right]) == "correct"
    assert said(capsys, "09.recall", [f" {name.upper()}" for name in right]) == "correct"


@pytest.mark.parametrize("seed", range(4))
def test_every_fresh_board_holds_a_node_never_asked_and_a_connection_kept(seed):
    cluster, asked = lesson09.fresh_board(seed)
    who = lesson09.ask(cluster, asked)
    nodes = [node for node, _ in asked]
    assert who[nodes.index("worker-3")] == "web.1"  # its first turn
    assert who[0] == who[3] and asked[0] == asked[3]  # a connection stays
    assert cluster.now == lesson09.fresh_board(seed)[0].now  # asking was tried on a copy


@pytest.mark.parametrize(
    ("mistake", "hint"),
    [
        (lambda right, near: near, "the nearest task: look at the lanes"),
        (lambda right, near: [f"web.{1 + n % 4}" for n in range(6)], "one turn for the whole swarm"),
        (
            lambda right, near: [*right[:3], "web.3", "web.4", right[5]],
            "request 11 comes on the connection of request 8",
        ),
        (lambda right, near: [*right[:4], "web.4", right[5]], "what comes on an open connection takes no turn"),
        (lambda right, near: [right[0], "web.3", *right[2:]], "nobody has asked worker-3 yet"),
        (lambda right, near: ["web.1", *right[1:]], "request 8, worker-1: look at the last disc of its lane"),
    ],
)
def test_recall_says_what_was_overlooked(capsys, board, mistake, hint):
    cluster, asked, right = board
    task = {node: name for name, node in on_which(cluster).items()}
    line = said(capsys, "09.recall", mistake(right, [task[node] for node, _ in asked]))
    assert line.startswith("not yet: ") and hint in line
    assert counterexample("09.recall").running


@pytest.mark.parametrize("answer", [None, 5, [], "web.1", ["web.1"], ["web.9"] * 6, [None] * 6, {"web.1": 1}])
def test_recall_survives_any_answer(capsys, answer):
    assert said(capsys, "09.recall", answer).startswith("not yet: ")


# ── modify ──


@pytest.mark.parametrize("answer", [(4, 14), [4, 14], {20: 4, 80: 14}])
def test_modify_takes_the_smallest_numbers_that_meet_the_goal(capsys, answer):
    assert said(capsys, "09.modify", answer) == "correct. 4 times the load, 3.5 times the replicas"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        ((3, 14), "the mean of 0.21 s is fine, but p99 is"),  # "the mean is fine"
        ((4, 13), "the mean of 0.16 s is fine, but p99 is"),
        ((4, 16), "15 are enough as well"),  # in proportion
        ((2, 14), "the line grows for ever"),
        ((4, 8), "the line grows for ever"),
        ((4.0, 14), "4.0: a number of replicas is a whole number"),
        ((0, 14), "a whole number from 1 on"),
        ((4, True), "a whole number from 1 on"),
        (5, "answer with two numbers"),
        ("ab", "answer with two numbers"),
        ({}, "None: a number of replicas"),
        (None, "answer with two numbers"),
    ],
)
def test_modify_says_what_is_wrong(capsys, answer, hint):
    line = said(capsys, "09.modify", answer)
    assert line.startswith("not yet: ") and hint in line


def test_too_few_replicas_are_said_not_raised():
    assert lesson09.try_replicas(20, 2) == lesson09.try_replicas(80, 8) == "the line grows for ever"


def test_the_numbers_of_modify_are_not_a_matter_of_chance():
    # Over four other seeds the goal is met with the smallest numbers, and missed with one less, each time.
    for rate, replicas in zip(lesson09.RATES, (4, 14), strict=True):
        for seed in "abcd":
            assert lesson09._times(rate, replicas, seed)[1] <= lesson09.GOAL
            assert lesson09._times(rate, replicas - 1, seed)[1] > lesson09.GOAL


# ── build ──


def solution(backends, request, turn):
    able = [one for one in backends if one.weight]
    return min(able, key=lambda one: one.active)


def from_the_next(backends, request, turn):
    able = willing(backends)
    turned = able[turn % len(able) :] + able[: turn % len(able)]
    return min(turned, key=lambda one: one.active)


def by_latency(backends, request, turn):
    return min(willing(backends), key=lambda one: one.latency)


def never_the_slowest(backends, request, turn):
    able = willing(backends)
    slowest = max(able, key=lambda one: one.latency)
    return min((one for one in able if one is not slowest), key=lambda one: one.active)


@pytest.mark.parametrize("mine", [solution, from_the_next, two_choices, least_connections])
def test_build_takes_whoever_looks_at_what_is_in_progress(capsys, mine):
    line = said(capsys, "09.build", mine)
    assert line.startswith("correct. p99 in the worst of 6 runs: yours ") and "round robin" in line


@pytest.mark.parametrize(
    ("mine", "hint"),
    [
        (round_robin, "what tells you that a task has much to do?"),
        (at_random, "what tells you that a task has much to do?"),
        (by_latency, "p99 is"),
        (never_the_slowest, "who will notice that it is fast again?"),
        (least_response_time, "who will notice that it is fast again?"),
        (lambda backends, request, turn: willing(backends)[0], "of 3000 requests"),
        (lambda backends, request, turn: min(backends, key=lambda one: one.active), "which is leaving"),
        (lambda backends, request, turn: None, "it must return one of the backends, not None"),
        (lambda backends, request, turn: "web.1", "it must return one of the backends"),
        (lambda backends, request, turn: backends[10], "it raised IndexError"),
        (lambda backends: backends[0], "it raised TypeError"),
        (5, "write a function"),
        (None, "write a function"),
    ],
)
def test_build_says_where_it_loses(capsys, mine, hint):
    line = said(capsys, "09.build", mine)
    assert line.startswith("not yet: ") and hint in line


def test_what_failed_can_be_played(capsys):
    from swarmlab.viz.queueboard import QueueBoard

    said(capsys, "09.build", round_robin)
    assert "web.1" in repr(QueueBoard(counterexample("09.build")))


def test_the_balancer_of_the_solution_chooses_in_a_swarm():
    cluster = serving(3, 3, balancer=lambda_free)
    cluster.traffic("http://worker-1:8080/", Workload(Poisson(20), Exponential(0.02)), seconds=5, name="v")
    cluster.run_for(8)
    assert list(dealt(cluster.requests("v"))) == ["web.3"]


def lambda_free(backends, request, turn):
    """Always the last: a balancer with a name."""
    return willing(backends)[-1]


def test_ones_own_stands_beside_ours_when_it_works(capsys):
    ours = ["round robin", "two choices", "least connections"]
    assert list(lesson09.beside(...)) == ours and capsys.readouterr().out == ""
    assert list(lesson09.beside(lambda: 0)) == ours
    assert capsys.readouterr().out.startswith("yours is left out: ")
    found = lesson09.beside(solution)
    assert list(found) == [*ours, "yours"]
    assert list(found["yours"].task) == list(found["least connections"].task)
    assert lesson09.board(solution).options["balancer"][-1] is solution


# ── what the scenes show ──


def test_a_published_port_hides_the_visitor_and_host_mode_does_not():
    cluster = serving(1, 3)
    way = cluster.trace_packet("client", "http://worker-3:8080/")
    ingress = {row[0]: row[1] for row in cluster.addresses("ingress")}
    assert cluster.request("http://worker-3:8080/").node == "worker-1" and ingress[seen(way)] == "node"
    port = "--publish mode=host,target=80,published=9090"
    cluster.docker(f"service create -d --name direct --constraint node.hostname==worker-1 {port} nginx:alpine")
    cluster.run_for(5)
    assert seen(cluster.trace_packet("client", "http://worker-1:9090/")) == "198.51.100.7"
    assert cluster.request("http://worker-3:9090/").error == "connection refused"


def test_each_node_has_its_own_turn():
    cluster = serving(3, 3)
    assert [cluster.request(f"http://worker-{n}:8080/").task[-1] for n in (1, 3, 1, 3)] == ["1", "1", "2", "2"]


def test_a_connection_is_dealt_once():
    cluster = serving(3, 3)
    long = Workload(Poisson(10), Exponential(0.02), per_connection=100)
    cluster.traffic("http://worker-1:8080/", long, number=1, name="long")
    cluster.traffic("http://worker-2:8080/", Workload(Poisson(10), Exponential(0.02)), number=100, name="short")
    cluster.run_for(30)
    assert dealt(cluster.requests("long")) == {"web.1": 100} and len(set(answers(cluster, "long"))) == 1
    assert dealt(cluster.requests("short")) == {"web.1": 34, "web.2": 33, "web.3": 33}


def test_long_connections_leave_new_replicas_idle():
    short, long = grown(serving(3, 3), 1), grown(serving(3, 3), 200)
    assert len(short.tasks) == 6 and long.tasks == ("web.1", "web.2", "web.3")
    assert abs(len(short.arrived) / len(long.arrived) - 1) < 0.1  # about as many requests


def test_a_slow_task_gets_its_full_share_and_the_mean_hides_it():
    cluster = serving(3, 3, "--env WEB_CONCURRENCY=1")
    cluster.pace("web.1", 1 / 3)
    run = visited(cluster)
    got = dealt(run)
    assert max(got.values()) - min(got.values()) <= 1
    assert mean_latency(run) < 1_000_000 and percentiles(run)[0.99] == float("inf") and error_rate(run) > 0.2
    assert "p99 never" in lesson09.spoken(run)
    of_three = lesson09.answered(run, after=20)
    whole = of_three["web.2"].split()[0]
    assert of_three["web.1"] == f"0 of {whole}" and of_three["web.2"] == f"{whole} of {whole}"


def test_the_line_of_a_slow_task_is_as_long_as_what_it_could_not_do():
    cluster = serving(3, 3, "--env WEB_CONCURRENCY=1")
    cluster.pace("web.1", 1 / 3)
    run = visited(cluster)
    wait, left = (int(part.split()[0]) for part in scenes09.backlog(run, "web.1", at=60).split(", "))
    assert 40 < wait < 60 < left  # ten a second for 5 s; the others have left
    done = [time for task, time in zip(run.task, run.done, strict=True) if run.tasks[task] == "web.1"]
    assert done == sorted(done) and wait + left == sum(time > 60e6 for time in done)
    known = [(a, b) for a, b in zip(cluster.requests().done, run.done, strict=True) if a >= 0]
    assert all(a - b == known[0][0] - known[0][1] for a, b in known)  # what the log knows stays


def test_only_checks_end_the_loss_when_a_node_dies():
    doors = ({}, {"via": True}, {"via": True, "checks": True}, {"url": "http://worker-1:8080/"})
    swarms = [serving(4, 4) for _ in doors]
    alone, unchecked, checked, living = (
        node_dies(cluster, **door) for cluster, door in zip(swarms, doors, strict=True)
    )
    assert list(alone.arrived) == list(unchecked.arrived) == list(checked.arrived)

    def last_lost(run):
        return max(time for time, ok in zip(run.arrived, run.ok, strict=True) if not ok) / 1e6

    assert error_rate(alone) > error_rate(unchecked) > error_rate(checked) > 0
    assert last_lost(alone) > 58 and last_lost(unchecked) > 55
    assert 24 < last_lost(checked) < 30  # out 6 to 8 s after its death
    assert 0 < error_rate(living) < 0.1 and last_lost(living) < 40  # until its node has heard of the dead task
    named = dict(zip(("alone", "unchecked", "checked", "living"), (alone, unchecked, checked, living), strict=True))
    by_name = dict(zip(named, swarms, strict=True))
    rows = scenes09.ended(by_name, named)  # where the loss goes on, there is no bar
    assert [row["title"].partition(";")[0] for row in rows] == ["checked", "living"]
    for row, run in zip(rows, (checked, living), strict=True):
        assert len(row["lost"]) == sum(not ok for ok in run.ok)  # as many as the picture of the visitors says
        assert max(row["lost"]) < row["noticed"]  # visitors are safe before a manager knows
    healed = {scenes09.healing(by_name[name], run)["healed"] for name, run in named.items()}
    assert len(healed) == 1  # as fast in all four


def test_the_lost_are_counted_and_the_late_ones_among_them():
    quiet = node_dies(serving(4, 4), via=True, checks=True)
    lost = sum(not ok for ok in quiet.ok)
    assert scenes09.tell_lost(quiet) == f"{lost:3} lost,   0 of them after 30 s"
    assert scenes09.tell_lost(quiet, after=0).endswith(f"{lost:3} of them after 0 s")


def test_balancers_get_the_same_requests():
    runs = scenes09.side_by_side(scenes09.BALANCERS, slow=1, number=500)
    first, *others = runs.values()
    assert all(list(run.arrived) == list(first.arrived) for run in others)
    assert first.slow[0] and not any(first.slow[1:]) and first.unit == "×"


def test_knobs_reach_every_corner():
    for extreme in (
        {"load": 0.1, "spread": 0.0, "slow": 0, "replicas": 2},
        {"load": 0.95, "spread": 3.0, "slow": 3, "slower": 5.0, "replicas": 2, "connection": 50},
    ):
        runs = lesson09.knobs(**extreme, balancer=two_choices)
        assert list(runs) == ["round robin", "two choices"] and all(len(run.arrived) >= 2000 for run in runs.values())


def test_compare_agrees_with_what_is_known(capsys):
    # Four standard errors either way: all five hold but in one run of three thousand; the seed is fixed.
    lesson09.compare({"web.1": 34, "web.2": 33, "web.3": 33})
    _, *lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    for line in lines:
        numbers, known = line[31:].split("known: ")
        mean, _, twice = numbers.partition("±")
        assert abs(float(mean) - float(known)) <= 2 * float(twice)


# ── deeper ──


def test_dots_lie_near_their_lines():
    # 16 dots within four standard errors: chance alone fails once in a thousand; the seed is fixed. The formula of two
    # choices is for infinitely many lines, ours are a hundred: up to 1.5 % above it.
    lines, dots = scenes09.curves()
    for title, marks in dots.items():
        for load, mean, error in marks:
            formula = min(lines[title], key=lambda point: abs(point[0] - load))[1]
            assert abs(mean - formula) < 4 * error + 0.015 * formula


def test_consistent_hashing_moves_few_visitors():
    found = scenes09.moved()
    assert found["address modulo number"][0] > 0.85
    assert all(share < 0.15 for title, (share, _) in found.items() if title != "address modulo number")
    assert found["Maglev"][1] < 1.2


def test_the_same_load_in_bursts_is_another_thing():
    from swarmlab.traffic.queueing import simulate

    p99 = {title: percentiles(simulate(one, 4))[0.99] for title, one in scenes09.real_arrivals().items()}
    assert p99["code"] > 5 * p99["independent"]


def test_a_policy_is_followed():
    run, steps = scenes09.follow(lambda replicas, busy: replicas * busy / 0.6)
    assert steps[0] == (0.0, 2) and max(n for _, n in steps) >= 6 and steps[-1][1] < 6
    assert error_rate(run) < 0.1 and 2 < scenes09.reserve(steps, 240) < 7
    _, still = scenes09.follow(lambda replicas, busy: 3)
    assert [n for _, n in still] == [2, 3]


# ── predictions ──
