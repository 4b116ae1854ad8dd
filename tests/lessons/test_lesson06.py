"""The judges of lesson 06: right answers are called correct, typical wrong ones get a helpful line, and none raises."""

import csv

import pytest

from swarmlab.lessons import counterexample, lesson06, scenes06
from swarmlab.lessons.scenes06 import DECK, deck_lab, demand, deploy, per_node, place, racks
from swarmlab.manager.scheduler import binpack, random_choice, spread
from swarmlab.objects import RUNNING
from tools import openb_sizes

from .judging import said

# ── recall ──


@pytest.fixture(scope="module")
def truth():
    return lesson06.first_failures(lesson06.fresh_swarm())


def test_recall_takes_what_the_engine_says(capsys, truth):
    assert said(capsys, "06.recall", truth) == "correct"
    assert said(capsys, "06.recall", {name: f" {word.upper()}" for name, word in truth.items()}) == "correct"


def test_the_task_stands_where_the_board_says_that_it_fits(truth):
    cluster = lesson06.fresh_swarm()
    (run,) = (run for run in cluster.running if (run.service, run.slot) == ("db", 2))
    assert [name for name, word in truth.items() if word == "fits"] == [run.machine]


@pytest.mark.parametrize("seed", range(4))
def test_every_fresh_swarm_holds_every_trap(seed):
    cluster = lesson06.fresh_swarm(seed)
    found = lesson06.first_failures(cluster)
    assert set(found.values()) == set(lesson06.NAMES)
    nodes = {node.hostname: node for node in cluster.nodes}
    small = {name for name, node in nodes.items() if node.description.memory < 2 * scenes06.GIB}
    unlabelled = {name for name, node in nodes.items() if "disk" not in node.spec.labels}
    hdd = {name for name, node in nodes.items() if node.spec.labels.get("disk") == "hdd"}
    assert any(found[name] == "ready" for name in small)  # it fails two, and the first counts
    assert any(found[name] == "resource" for name in small & hdd)
    assert any(found[name] in ("fits", "max replicas") for name in unlabelled)


def wrong_about(truth, right, mine):
    """The right answer but for the first node that has this word."""
    name = next(name for name, word in truth.items() if word == right)
    return name, truth | {name: mine}


@pytest.mark.parametrize(
    ("right", "mine", "hint"),
    [
        ("ready", "resource", "an earlier filter stops it already"),
        ("resource", "constraint", "an earlier filter stops it already"),
        ("fits", "constraint", "that differs from hdd: != holds"),
        ("fits", "resource", "the limit takes no room"),
        ("max replicas", "fits", "it does not fit"),
        ("max replicas", "constraint", "it passes constraint"),
    ],
)
def test_recall_says_what_was_overlooked(capsys, truth, right, mine, hint):
    name, answer = wrong_about(truth, right, mine)
    line = said(capsys, "06.recall", answer)
    assert line.startswith(f"not yet: {name}: ") and hint in line
    assert counterexample("06.recall").why("db.2")


@pytest.mark.parametrize("answer", [None, 5, [], {}, {"manager-1": "ready"}, "ready"])
def test_recall_survives_any_answer(capsys, answer):
    assert said(capsys, "06.recall", answer).startswith("not yet: ")


def test_recall_names_a_word_that_is_no_filter(capsys, truth):
    line = said(capsys, "06.recall", truth | {"worker-1": None})
    assert line.startswith("not yet: worker-1: None is none of ready, ")


# ── modify ──


@pytest.mark.parametrize(
    "command",
    ["node update --label-add disk=ssd worker-4", "docker node update --label-add disk=SSD worker-4"],
)
def test_a_label_for_the_node_with_room_is_the_smallest_change(capsys, command):
    assert said(capsys, "06.modify", command) == "correct"
    assert said(capsys, "06.modify", [command]) == "correct"


@pytest.mark.parametrize("detach", ["", "--detach "])
def test_without_the_constraint_it_is_placed_too_and_the_check_says_at_what_price(capsys, detach):
    line = said(capsys, "06.modify", f"service update {detach}--constraint-rm node.labels.disk==ssd db")
    assert line.startswith("correct. ") and "any disk" in line


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("service update --detach --reserve-memory 1g db", "that ended db.1 on worker-1"),
        ("service scale --detach web=1", "nothing else may move"),
        ("node update --availability drain worker-2", "that ended web.1 on worker-2"),
        ("node update --label-add disk=ssd worker-3", "only one task that runs: no suitable node (insufficient"),
        ("node update --label-add disk=sdd worker-4", "only one task that runs: no suitable node"),
        (
            "node update --label-add disk=ssd worker-9",
            "Docker says: Error response from daemon: node worker-9 not found",
        ),
        ("node", "nothing moved, but"),
        ("", "nothing moved, but"),
        (["node ls", "node ls"], "2 commands; one is enough"),
        ([], "0 commands"),
        (5, "write a command"),
        ([None], "write a command"),
    ],
)
def test_modify_says_what_went_wrong(capsys, command, hint):
    line = said(capsys, "06.modify", command)
    assert line.startswith("not yet: ") and hint in line


# ── build ──


def full(candidate):
    return 1 - candidate.nano_cpus / candidate.node.description.nano_cpus


ENOUGH = {
    "the solution": lambda c: (c.service_tasks, c.tasks + 10 * full(c)),
    "a smaller weight": lambda c: (c.service_tasks, c.tasks + 6 * full(c)),
    "one sum": lambda c: c.tasks + 10 * full(c) + 3 * c.service_tasks,
}


@pytest.mark.parametrize("name", ENOUGH)
def test_build_takes_a_strategy_that_sees_counts_and_sizes(capsys, name):
    line = said(capsys, "06.build", ENOUGH[name])
    assert line.startswith("correct. tasks that find no node ") and "random" in line and "spread" in line


@pytest.mark.parametrize(
    ("strategy", "hint"),
    [
        (spread, "beats random everywhere, and spread nowhere"),
        (binpack, "tasks that find no node: yours"),
        (random_choice, "tasks that find no node: yours"),
        (lambda c: (c.service_tasks, full(c)), "% of the tasks lost with the worst rack: yours"),
        (lambda c: -c.nano_cpus, "compare shares"),
        (lambda c: c.nothing, "it raised AttributeError"),
        (lambda: 0, "it raised TypeError"),
        (lambda c: None, "it raised TypeError"),
        (5, "write a function"),
        (None, "write a function"),
    ],
)
def test_build_says_where_it_loses(capsys, strategy, hint):
    line = said(capsys, "06.build", strategy)
    assert line.startswith("not yet: ") and hint in line


def test_the_score_of_a_placement_typed_by_hand():
    machines = tuple(scenes06.Machine(f"n{n}", zone, 10, 10) for n, zone in enumerate("aab"))
    wanted = scenes06.Demand(machines, (scenes06.Wanted("s", 4, 5, 1),))
    placed = [scenes06.Placed(f"s.{n}", "s", node, 5, 1) for n, node in enumerate(("n0", "n1", "n2", ""))]
    unplaced, uneven, lost = lesson06.score(wanted, placed)
    assert (unplaced, uneven) == (1, 0) and lost == pytest.approx(200 / 3)
    assert lesson06.score(wanted, []) == (0, 0, 0)


# ── demand ──


def test_demand_is_the_same_for_a_seed_and_asks_for_so_much():
    assert demand(1) == demand(1) != demand(2)
    for load in (0.5, 1.0):
        wanted = demand(3, load=load)
        asked = sum(service.replicas * service.cpus for service in wanted.services)
        there = sum(machine.cpus for machine in wanted.machines)
        assert load * there - 4 * 96 < asked <= load * there
    assert {machine.zone for machine in demand(1, zones=4).machines} == set("abcd")


@pytest.mark.parametrize("strategy", [spread, binpack, random_choice])
def test_no_machine_gets_more_than_it_has_and_no_task_is_forgotten(strategy):
    wanted = demand("full", load=1.3)
    placed = place(wanted, strategy)
    assert len(placed) == sum(service.replicas for service in wanted.services)
    for machine in wanted.machines:
        here = [one for one in placed if one.node == machine.name]
        assert sum(one.cpus for one in here) <= machine.cpus and sum(one.gib for one in here) <= machine.gib
    free = {
        machine.name: machine.cpus - sum(one.cpus for one in placed if one.node == machine.name)
        for machine in wanted.machines
    }
    room = {
        machine.name: machine.gib - sum(one.gib for one in placed if one.node == machine.name)
        for machine in wanted.machines
    }
    for one in placed:  # whoever waits fits nowhere
        assert one.node or all(one.cpus > free[name] or one.gib > room[name] for name in free)


def test_largest_first_leaves_fewer_without_a_node():
    wanted = demand(lesson06.DEMAND, load=1.0)
    sorted_ = wanted._replace(services=lesson06.in_order(wanted.services, "largest first"))
    last = [lesson06.score(each, place(each, spread)).unplaced for each in (wanted, sorted_)]
    assert last[1] <= last[0] and sorted(wanted.services) == sorted(sorted_.services)


def test_sizes_are_counts_of_rounded_rows(tmp_path):
    rows = [("3152", "5600")] * 3 + [("11900", "47104")] * 2 + [("4100", "7000")]
    for name in ("openb_pod_list_default.csv", "openb_node_list_all_node.csv"):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([("cpu_milli", "memory_mib"), *rows])
    openb_sizes.main(str(tmp_path), str(tmp_path / "out"))
    assert (tmp_path / "out" / "openb_tasks.csv").read_text() == "cpus,gib,number\n4,4,3\n12,48,2\n4,8,1\n"


def test_the_tables_hold_nearly_all_of_the_trace():
    assert sum(number for *_, number in scenes06.mix("tasks")) > 0.98 * 8152
    assert sum(number for *_, number in scenes06.mix("nodes")) > 0.99 * 1523


# ── what the scenes show ──


def test_four_two_none_and_six_more_make_four_five_three():
    cluster = lesson06.four_two_none()
    assert per_node(cluster, "web") == "worker-1 4, worker-2 2"
    cluster.docker("service scale -d web=12")
    cluster.run_for(5)
    assert per_node(cluster, "web") == "worker-1 4, worker-2 5, worker-3 3"


def test_the_decks_block_runs_where_the_engines_have_the_label():
    bare, labelled = deck_lab(), deck_lab({"operatingsystem": "ubuntu 18.04"})
    deploy(bare, DECK)
    deploy(labelled, DECK)
    assert bare.why("deck_web.1").explanation == "no suitable node (scheduling constraints not satisfied on 5 nodes)"
    assert per_node(labelled, "deck_web") == "manager-1 2, manager-2 1, manager-3 1"


def test_the_same_rack_takes_a_service_with_it_or_not():
    assert lesson06.still_there(lesson06.zone_lost(binpack)) == "web 0, api 0, cache 0"
    assert lesson06.still_there(lesson06.zone_lost()) == "web 0, api 2, cache 2"
    by_zone = lesson06.zone_lost(preference=True)
    assert lesson06.still_there(by_zone) == "web 1, api 1, cache 1"
    row = lesson06.visited(by_zone)
    assert row["healed"] and len(row["lost"]) <= 3 and lesson06.still_there(by_zone) == "web 2, api 2, cache 2"


def test_a_strategy_of_ones_own_places_tasks_in_a_cluster():
    cluster = racks("abc", strategy=lambda candidate: candidate.node.hostname != "worker-3")
    cluster.docker("service create -d --name web --replicas 3 nginx")
    cluster.run_for(5)
    assert per_node(cluster, "web") == "worker-3 3"


def test_cards_are_numbers_or_names():
    *placed, waits, again = scenes06.cards()
    assert sorted(line.partition(", gpu ")[2] for line in placed) == ["1", "GPU-a", "GPU-b"]
    assert waits == "web.4 waits: no suitable node (insufficient resources on 2 nodes)"
    assert again == "tried again: web.4 waits: no suitable node (insufficient resources on 3 nodes)"


def test_a_preference_that_cannot_be_met_is_forgotten():
    cluster = racks("abbbb")
    wish = "--reserve-memory 512m --placement-pref spread=node.labels.az"
    cluster.docker(f"service create -d --name web --replicas 30 {wish} nginx")
    cluster.run_for(5)
    held = [scenes06.where(cluster, f"web.{n}") for n in range(1, 31)]
    assert held.count("worker-1") == 8 and "" not in held and scenes06.where(cluster, "web.31") == ""


def test_even_the_empty_branch_of_a_drained_node_disturbs_the_levelling():
    found = []
    for labelled in (True, False):
        cluster = racks("aaab")
        names = ("worker-1", "worker-2", "worker-3", "worker-4", "manager-1")
        for name, disk in zip(names, ("ssd", "hdd", "hdd", "ssd", "ssd"), strict=True):
            if labelled or name != "manager-1":
                cluster.docker(f"node update --label-add disk={disk} {name}")
        if labelled:
            cluster.docker("node update --label-add az=a manager-1")
        prefs = "--placement-pref spread=node.labels.az --placement-pref spread=node.labels.disk"
        cluster.docker(f"service create -d --name web --replicas 8 {prefs} nginx")
        cluster.run_for(5)
        found.append(per_node(cluster, "web"))
    assert found == ["worker-1 2, worker-2 1, worker-3 1, worker-4 4", "worker-1 3, worker-2 1, worker-4 4"]


def test_ten_thousand_nodes_are_levelled():
    assert scenes06.large(10_000, 1_000).endswith("1000 nodes got 1 to 1 each")


def test_knobs_say_what_became_of_the_task():
    _, said = lesson06.try_wish(reserve=512, constraint="node.labels.disk==ssd", ssd="worker-2")
    assert said == "new.1 runs on worker-2."
    _, said = lesson06.try_wish(reserve=5120)
    assert said.startswith("new.1 waits: no suitable node (insufficient resources on 4 nodes;")
    _, said = lesson06.strategies_board(order="largest first")
    assert said.startswith("Tasks without a node: spread ")


def test_compare_agrees_with_the_real_engine(capsys):
    grown = lesson06.four_two_none()
    grown.docker("service scale -d web=12")
    zoned = racks("abbbb")
    zoned.docker("service create -d --name web --replicas 8 --placement-pref spread=node.labels.az nginx")
    for cluster in (grown, zoned):
        cluster.run_for(5)
        assert all(task.state == RUNNING for task in cluster.tasks)
    lesson06.compare(grown, zoned)
    for line in capsys.readouterr().out.splitlines():
        ours, real = line[32:].split("the real engine:")
        assert real.strip().startswith(ours.strip())


# ── predictions ──
