"""The judges of lesson 08: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

from random import Random

import nbformat
import pytest

from swarmlab.lessons import counterexample, lesson08, scenes08
from swarmlab.lessons.scenes08 import (
    Member,
    closed,
    draw_news,
    lives,
    served,
    tell_answers,
    tell_lives,
    tell_news,
    where,
)
from swarmlab.traffic.caching import first, next_alive, rotate
from swarmlab.viz.leaving import leaving, stale

from .judging import said

# ── recall ──


@pytest.fixture(scope="module")
def truth():
    return lesson08.numbers(lesson08.fresh_swarm())


def test_the_solution_in_the_notebook_is_right(truth, root):
    cells = nbformat.read(root / "notebooks" / "08_service_discovery.ipynb", 4).cells
    assert any(f"`answer = {truth}`" in cell.source for cell in cells)


def by_rule(seed):
    """The numbers as the lesson's rule has them, without asking anybody."""
    kinds = {kind.name: kind for kind in lesson08.fresh_services(seed)}
    for query in lesson08.queries(seed):
        kind, asker = kinds[query.name.removeprefix("tasks.")], kinds[query.asker.partition(".")[0]]
        if not set(kind.networks) & set(asker.networks):
            yield 0
        elif query.name == kind.name and kind.mode == "vip":
            yield 1
        else:
            yield kind.healthy


def test_recall_takes_what_the_dns_says(capsys, truth):
    assert said(capsys, "08.recall", truth) == "correct"
    assert said(capsys, "08.recall", tuple(truth)) == "correct"


@pytest.mark.parametrize("seed", ["recall", 0, 1, 2])
def test_a_fresh_swarm_answers_by_the_rule_and_holds_every_trap(seed):
    found = lesson08.numbers(lesson08.fresh_swarm(seed), seed)
    assert found == list(by_rule(seed))
    assert 0 in found and found.count(1) == 2 and max(found) > 1
    assert any(kind.starting for kind in lesson08.fresh_services(seed))


def wrong(truth, name, mine):
    """The right answers but for the question for this name."""
    place = next(n for n, query in enumerate(lesson08.queries()) if mine[0] == query.asker[:3] and query.name == name)
    return [*truth[:place], mine[1], *truth[place + 1 :]]


@pytest.mark.parametrize(
    ("asker", "name", "number", "hint"),
    [
        ("sho", "db", 2, "compare the networks of shop and db"),
        ("sho", "shop", 4, "look at the endpoint mode of shop: a virtual IP is one address"),
        ("db.", "api", 3, "look at the endpoint mode of api: a virtual IP is one address"),
        ("api", "db", 1, "db is no virtual IP; count the tasks"),
        ("api", "db", 0, "api and db share a network"),
        ("api", "db", 3, "count the tasks of db that are healthy"),
        ("sho", "tasks.api", 5, "one that is starting is in no answer yet"),
        ("sho", "tasks.api", 1, "tasks.… never is; count the tasks"),
        ("sho", "tasks.api", 4, "count the tasks of api that are healthy"),
    ],
)
def test_recall_says_what_was_overlooked(capsys, truth, asker, name, number, hint):
    line = said(capsys, "08.recall", wrong(truth, name, (asker, number)))
    assert line.startswith("not yet: question ") and hint in line
    assert counterexample("08.recall").running


@pytest.mark.parametrize("answer", [None, 5, [], [1, 2], ["1"] * 5, [True] * 5, {"a": 1}])
def test_recall_survives_any_answer(capsys, answer):
    assert said(capsys, "08.recall", answer) == "not yet: give 5 whole numbers, like [1, 0, …]"


# ── modify ──

OTHER_NAME = "service update --env-add MEMBERS=tasks.agent agent"
OTHER_MODE = "service update --endpoint-mode dnsrr agent"


def test_another_name_and_another_endpoint_mode_are_the_two_ways(capsys):
    assert said(capsys, "08.modify", [OTHER_NAME, OTHER_MODE]) == "correct"
    assert said(capsys, "08.modify", (f"docker {OTHER_MODE}", OTHER_NAME)) == "correct"


@pytest.mark.parametrize(
    ("commands", "hint"),
    [
        ([OTHER_MODE, OTHER_MODE], "both go the same way: another endpoint mode"),
        ([OTHER_NAME, OTHER_NAME], "both go the same way: another name"),
        (["service update --force agent", OTHER_MODE], "asks for agent and gets 10.0.1.2: whose address is that?"),
        ([OTHER_MODE, "service update --env-add MEMBERS=agents agent"], "command 2: the agent on worker-1 asks for"),
        (["service update --env-rm MEMBERS agent", OTHER_MODE], "asks for nothing and gets no answer"),
        (["service rm agent", OTHER_MODE], "command 1: 0 agents run"),
        (["service scale agent=5", OTHER_MODE], "command 1: Docker says: "),
        (["nonsense", OTHER_MODE], "command 1: Docker says: "),
        (OTHER_MODE, "give two commands"),
        ([], "give two commands"),
        ([OTHER_MODE, ""], "give two commands"),
        ([None, 5], "give two commands"),
    ],
)
def test_modify_says_what_is_missing(capsys, commands, hint):
    line = said(capsys, "08.modify", commands)
    assert line.startswith("not yet: ") and hint in line


# ── build ──


def both(answers, memory):
    """The solution: round those that have not failed."""
    alive = [one for one in answers if one not in memory["failed"]] or answers
    memory["turn"] = memory.get("turn", -1) + 1
    return alive[memory["turn"] % len(alive)]


def by_chance(answers, memory):
    alive = [one for one in answers if one not in memory["failed"]] or answers
    return memory.setdefault("dice", Random(8)).choice(alive)


@pytest.mark.parametrize("pick", [both, by_chance])
def test_build_takes_who_goes_round_among_those_that_live(capsys, pick):
    assert said(capsys, "08.build", pick) == "correct"


@pytest.mark.parametrize(
    ("pick", "hint"),
    [
        (first, "requests met the dead replica"),
        (rotate, "requests met the dead replica"),
        (next_alive, "the busiest living replica carries"),
        (
            lambda answers, memory: sorted(set(answers) - set(memory["failed"]) or answers)[0],
            "do not keep to one address",
        ),
        (lambda answers, memory: "10.9.9.9", "is not one of the addresses in the answer"),
        (lambda answers: answers[0], "it raised TypeError"),
        (5, "write a function"),
        (None, "write a function"),
    ],
)
def test_build_says_where_it_falls_short(capsys, pick, hint):
    line = said(capsys, "08.build", pick)
    assert line.startswith("not yet: ") and hint in line


def test_build_asks_what_happens_when_all_have_failed(capsys):
    def strict(answers, memory):
        alive = [one for one in answers if one not in memory["failed"]]
        memory["turn"] = memory.get("turn", -1) + 1
        return alive[memory["turn"] % len(alive)]

    assert "when all addresses have failed before, it raised ZeroDivisionError" in said(capsys, "08.build", strict)


# ── what the scenes show ──


@pytest.fixture(scope="module")
def web():
    return served()


def test_a_stopped_task_is_out_before_it_ends_and_an_unplugged_one_stays(web):
    stopped, unplugged = web.fork(), web.fork()
    stopped.docker("service scale -d web=2")
    unplugged.crash(where(unplugged, "web.3"))
    for cluster in (stopped, unplugged):
        scenes08.visits(cluster, seconds=15)
    calm, dark = leaving(stopped.trace, "web.3"), leaving(unplugged.trace, "web.3")
    assert max(time for _, time in calm.withdrawn) < calm.signal < calm.ended
    assert not any(stale(calm).values()) and not calm.lost
    assert min(time or 0 for time in stale(dark).values()) > 1 and dark.lost  # seconds


def test_closed_ports_slow_the_news_or_stop_it(web):
    open_, without_udp, without_tcp = closed(web), closed(web, ["7946/udp"]), closed(web, ["7946/tcp"])
    cut = closed(web, ["7946/udp", "7946/tcp"])
    news = "news of a new task"
    assert open_[news] == without_tcp[news] < without_udp[news] < cut[news] == float("inf")
    resolves = "web resolves, a minute later"
    assert open_[resolves] and without_udp[resolves] and without_tcp[resolves] and not cut[resolves]


def test_who_keeps_an_answer_meets_the_dead_until_the_ttl_is_over(capsys, web):
    cluster = web.fork()
    create = "service create -d --network front --constraint node.hostname"
    cluster.docker(f"{create}!=worker-1 --name rr --replicas 3 --endpoint-mode dnsrr traefik/whoami")
    cluster.docker(f"{create}==worker-1 --name keeps --env DNS_CACHE_TTL=60 alpine sleep 1d")
    cluster.run_for(8)
    loads = scenes08.three_loads(cluster, seconds=90)
    cluster.run_for(5)
    scenes08.remove(cluster, cluster.request("http://rr/", source="keeps.1").task)
    cluster.run_for(90)
    failed = {what: sum(not ok for ok in cluster.requests(load).ok) for what, load in loads.items()}
    each, keeps, vip = failed.values()
    assert each <= 2 and vip == 0 and 20 < keeps < 140
    assert cluster.request("http://rr/", source="keeps.1").ok  # the TTL is over
    scenes08.fates(cluster, loads)
    assert f"{keeps} failed" in capsys.readouterr().out


def test_lanes_have_a_gap_before_and_after_the_tables():
    cluster = scenes08.swarm(3)
    cluster.docker("network create --driver overlay front")
    cluster.docker("service create -d --name client --network front alpine sleep 1d")
    check_it = "--health-cmd 'curl -f http://localhost/' --health-interval 2s --health-retries 2"
    cluster.docker(f"service create -d --name web --network front {check_it} acme/web:sick")
    cluster.run_for(45)
    gone, new = lives(cluster.trace, "web", where(cluster, "client.1"))
    assert gone.started + 1 < gone.known < gone.dropped < gone.ended - 1 and gone.ended < new.started
    assert [verdict for _, verdict in gone.turns] == ["healthy", "unhealthy"]
    assert tell_lives([gone, new]).startswith("2 containers: in the tables ")


def test_some_nodes_know_and_others_do_not_in_the_middle_of_a_rumour():
    cluster = scenes08.swarm(8)
    cluster.docker("network create --driver overlay front")
    cluster.docker("service create -d --name web --replicas 8 --network front traefik/whoami")
    cluster.run_for(8)
    cluster.docker("service create -d --name new --network front traefik/whoami")
    cluster.run_for(5)
    moment = scenes08.midway(cluster.trace, "new.1")
    table, then = scenes08.differing(cluster.trace, moment, "new"), cluster.at(moment)
    assert table.pop("truth")["new"] == ["new.1"]
    held = [bool(row["new"]) for row in table.values()]
    assert held == [bool(then.dig("new", scenes08.asker_on(then, machine)).addresses) for machine in table]
    assert True in held and False in held


def test_answers_in_words():
    tasks = [Member("web.1", "10.0.1.5"), Member("web.2", "10.0.1.6", known=False)]
    words = tell_answers("web", "10.0.1.4", tasks)
    assert words == (
        "web is answered with 10.0.1.4, a virtual IP; tasks.web with 10.0.1.5. 1 of 2 tasks run and are in no answer."
    )
    assert "NXDOMAIN" in tell_answers("web", "", tasks[1:])


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({}, "web is answered with 10.0.1.4, a virtual IP"),
        ({"endpoint_mode": "dnsrr", "replicas": 2}, "web is answered with 10.0.1."),
        ({"unwell": 1}, "1 of 3 tasks run and are in no answer"),
        ({"replicas": 2, "unwell": 3}, "NXDOMAIN"),
    ],
)
def test_knobs_say_who_is_in_which_answer(knobs, words):
    assert words in scenes08.answers_board(**knobs)[1]


def test_knobs_of_rumours_and_skew_speak():
    assert scenes08.rumour_board(100)[1].startswith("A rumour through 100 nodes: half know after round ")
    assert scenes08.rumour_board(100, "10 %", 2)[1].startswith("Round 2 of ")
    assert "1 idle" in scenes08.skew_board()[1]


def test_figures_agree_with_what_is_known(web):
    stopped, unplugged = web.fork(), web.fork()
    stopped.docker("service scale -d web=2")
    unplugged.crash(where(unplugged, "web.3"))
    for cluster in (stopped, unplugged):
        cluster.run_for(15)
    rows = scenes08.figures(web.fork(), *(leaving(cluster.trace, "web.3") for cluster in (stopped, unplugged)))
    ours, known = zip(*rows.values(), strict=True)
    assert ours[0] == known[0] and abs(float(ours[1].split()[0]) - 2) < 0.1
    assert float(ours[2].split()[0]) >= 4
    assert abs(float(ours[3].split()[0]) - 10.63) < 0.4  # four standard errors of 40 runs (sd 0.6)
    idle, error = map(float, ours[4].split(" ± "))
    assert abs(idle - 93 / 243) < 0.02 and error == 0.010  # four standard errors of 10 000 tries; two are shown


def test_news_in_words_and_as_a_picture():
    heard = {"worker-1": 0, "worker-2": 35_000, "worker-3": 401_000}
    assert tell_news(heard) == (
        "News through 3 nodes: half know after 35 ms, all but one after 35 ms, the last after 401 ms."
    )
    texts = [text.get_text() for text in draw_news(heard).axes[0].texts]
    assert texts == ["0 ms", "w-1", "35 ms", "w-2", "401 ms", "w-3"]


def test_managers_take_longer_than_the_nodes_to_miss_a_machine(web):
    cluster = web.fork()
    cluster.crash(where(cluster, "web.3"))
    cluster.run_for(30)
    nodes, managers = scenes08.two_clocks(cluster, leaving(cluster.trace, "web.3"))
    assert nodes["noticed"] < nodes["decided"] <= nodes["healed"] < managers["noticed"] < managers["healed"]


# ── predictions ──
