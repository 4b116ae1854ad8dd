"""Rows from the trace, the world at an instant in truth and belief, and the outage bar."""

import inspect
import json

import pretend
import pytest

from swarmlab import events
from swarmlab.viz.frames import frames, outage, summary, world_at
from swarmlab.viz.words import MARKS, TEXTS, text_of

SECOND = pretend.SECOND


@pytest.fixture(scope="module")
def story():
    return pretend.story()


@pytest.fixture(scope="module")
def rows(story):
    return frames(story)


def machine(world, name):
    return next(m for m in world["machines"] if m["name"] == name)


def cells(world, **wanted):
    everywhere = [cell for m in world["machines"] for cell in m["cells"]] + world["tray"]
    return [cell for cell in everywhere if all(cell[key] == value for key, value in wanted.items())]


def fact_number(trace, kind, source):
    return next(r.number for r in trace.records if isinstance(r.fact, kind) and r.source == source)


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rows_survive_json_unchanged_and_are_the_same_for_the_same_run(rows):
    assert json.loads(json.dumps(rows)) == rows
    assert json.dumps(frames(pretend.story())) == json.dumps(rows)


def test_every_fact_has_words_and_every_mark_is_a_fact():
    kinds = {name for name, kind in inspect.getmembers(events, inspect.isclass) if hasattr(kind, "_fields")}
    assert kinds >= set(TEXTS) and kinds >= set(MARKS)
    for name in TEXTS:  # a template that names a field that is gone would fail here
        kind = getattr(events, name)
        assert text_of(kind(*("x" for _ in kind._fields)))


def test_a_fact_without_words_of_its_own_is_spelled_out():
    class Sneezed(events.NamedTuple):
        times: int

    assert text_of(Sneezed(3)) == "Sneezed times=3"
    assert text_of(events.Partitioned((("a", "b"), ("c",)))) == "cut the network: a b | c"


def test_the_log_is_in_the_order_of_indexes_and_each_entry_is_told_once():
    pen = pretend.Pen(pretend.machines(2, 1))
    pen.leader = "manager-1"
    pen.store(1, pretend.node("worker-1"), pretend.node("manager-1", "manager"))
    pen.note(2, "manager-2", pretend.node("worker-1")._replace(index=1))  # the new leader tells entry 1 again
    pen.note(2, "manager-2", events.ObjectRemoved(2, "node", "id-worker-1"))
    log = frames(pen.trace)["log"]
    assert [(row[2], row[4], row[5] is None) for row in log] == [
        (1, "id-worker-1", False), (1, "id-manager-1", False), (2, "id-worker-1", True)
    ]  # fmt: skip


def test_marks_say_faults_elections_commands_and_nodes_lost_and_back(rows):
    marks = {(mark[2], mark[3]) for mark in rows["marks"]}
    assert ("fault", "manager-1 lost power") in marks
    assert ("leader", "manager-2 leads in term 2") in marks
    assert ("command", "manager-1 $ docker stack deploy -c voting.yml vote") in marks
    down = {text.split(",")[0] for kind, text in marks if kind == "down"}
    assert "manager-2 missed three heartbeats of worker-2" in down  # and not once more when that is written down
    assert not any("worker-2: down" in text for text in down)
    assert {"decided", "healed"} <= {kind for kind, _ in marks}
    assert ("back", "manager-1 booted") in marks
    assert not any(mark[3] == "worker-1 booted" for mark in rows["marks"]), "the first boot is no return"


def test_a_request_is_a_row_of_stops_and_a_failed_one_ends_where_it_died(rows):
    served = next(row for row in rows["requests"] if row[0] == 0)
    assert [stop[1] for stop in served[6]] == ["client", "worker-3", "worker-1", "client"]
    assert served[4:6] == [200, ""]
    failed = next(row for row in rows["requests"] if row[5])
    assert failed[6][-1][1] == "worker-2" and failed[4] == 0


def test_a_message_to_a_machine_without_power_dies_there():
    pen = pretend.Pen(pretend.machines(1, 1))
    pen.note(0, "worker-1", events.MachineStarted())
    pen.note(2, "worker-1", events.MachineCrashed())
    pen.note(4, "worker-1", events.MachineStarted())
    for second in (1, 3, 5):
        pen.message(second, "manager-1", "worker-1", "agent", "Assignments")
    assert [row[6] for row in frames(pen.trace)["messages"]] == ["", "down", ""]


def test_a_machine_keeps_its_place_and_a_bare_one_stands_where_it_first_joins():
    pen = pretend.Pen([{"name": "node-1", "role": "bare"}, {"name": "node-2", "role": "bare"}])
    pen.note(1, "node-1", events.SwarmJoined("x", "manager"))
    pen.note(2, "node-1", events.SwarmJoined("y", "worker"))
    pen.note(3, "late", events.MachineAdded(2, 1 << 30, "b"))
    assert [(m["name"], m["row"], m["zone"]) for m in frames(pen.trace)["machines"]] == [
        ("node-1", "manager", ""), ("node-2", "worker", ""), ("late", "worker", "b")
    ]  # fmt: skip


# ── the world ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_outline_is_the_newest_committed_wish_and_filling_what_truly_runs(rows):
    world = world_at(rows, 20 * SECOND)
    (lost,) = cells(world, machine="manager-1")
    assert (lost["wish"], lost["fact"]) == ("running", "gone")
    assert {s["service"]: (s["wanted"], s["filled"]) for s in world["services"]}["vote_worker"] == (2, 1)


def test_a_manager_believes_its_position_in_the_log(rows):
    world = world_at(rows, 84 * SECOND, "manager-1")
    assert world["index"] == machine(world, "manager-1")["applied"] < world_at(rows, 84 * SECOND)["index"]
    assert machine(world, "worker-4")["availability"] == "active", "it was cut off before the drain was written"
    assert machine(world_at(rows, 84 * SECOND, "manager-2"), "worker-4")["availability"] == "drain"


def test_where_belief_and_truth_differ_the_cell_and_the_node_are_wrong(rows):
    world = world_at(rows, 20 * SECOND, "manager-2")
    (believed,) = cells(world, machine="manager-1")
    assert (believed["fact"], believed["wrong"]) == ("running", True)
    assert machine(world, "manager-1")["wrong"] and machine(world, "manager-1")["role"] == "leader"
    assert not machine(world, "worker-1")["wrong"]


def test_a_worker_sees_its_peers_and_whom_it_may_send_requests_to(rows):
    before, after = world_at(rows, 20 * SECOND, "worker-1"), world_at(rows, 30 * SECOND, "worker-1")
    assert (machine(before, "manager-1")["looks"], machine(before, "manager-1")["wrong"]) == ("up", True)
    assert (machine(after, "manager-1")["looks"], machine(after, "manager-1")["wrong"]) == ("down", False)
    assert [c["wrong"] for c in cells(before, machine="manager-1")] == [True], "a stale address"
    assert not any(m["role"] for m in before["machines"]), "a worker knows nothing of terms"


def test_a_crash_empties_the_machine_and_takes_its_store_back_to_nothing(rows):
    world = world_at(rows, 19 * SECOND, "manager-1")
    assert world["index"] == 0 and not cells(world)
    assert {m["looks"] for m in world["machines"]} == {"unknown"}
    assert not any(m["wrong"] for m in world["machines"]), "who believes nothing is not wrong"


def test_a_task_without_a_node_waits_in_the_tray(rows):
    (cell,) = world_at(rows, 81 * SECOND)["tray"]
    assert (cell["name"], cell["fact"], cell["machine"]) == ("vote_vote.4", "pending", "")


def test_a_replaced_task_is_history_only_once_it_has_a_successor(rows):
    assert [c["old"] for c in cells(world_at(rows, 29 * SECOND), task="t7")] == [False]
    lost = next(c["task"] for c in cells(world_at(rows, 29 * SECOND), machine="manager-1"))
    assert [c["old"] for c in cells(world_at(rows, 31 * SECOND), task=lost)] == [True]


def test_a_task_that_nobody_asked_for_is_wrong():
    pen = pretend.Pen(pretend.machines(1, 1))
    pen.note(1, "worker-1", events.TaskProgressed("ghost", "web", 1, "running", ""))
    (cell,) = cells(world_at(frames(pen.trace), SECOND))
    assert (cell["wish"], cell["fact"], cell["wrong"]) == ("", "running", True)


def test_a_deposed_leader_that_still_feels_in_charge_is_wrong_about_itself():
    pen = pretend.Pen(pretend.machines(2, 0))
    for term, name in ((1, "manager-1"), (2, "manager-2")):
        pen.note(term, name, events.MachineStarted())
        pen.note(term, name, events.BecameLeader(term))
    world = world_at(frames(pen.trace), 2 * SECOND)
    assert (world["leader"], machine(world, "manager-1")["wrong"], machine(world, "manager-2")["wrong"]) == (
        "manager-2",
        True,
        False,
    )


def test_a_plain_container_dies_with_its_machine_and_nothing_comes():
    pen = pretend.Pen(pretend.machines(0, 1))
    pen.note(1, "worker-1", events.ContainerCreated("c", "web", "nginx", ""))
    pen.note(1, "worker-1", events.ContainerStarted("c", ""))
    pen.note(2, "worker-1", events.MachineCrashed())
    rows = frames(pen.trace)
    assert machine(world_at(rows, SECOND), "worker-1")["plain"] == [
        {"container": "c", "name": "web", "image": "nginx", "state": "running"}
    ]
    assert machine(world_at(rows, 2 * SECOND), "worker-1")["plain"] == []


def test_the_summary_names_leader_tasks_and_losses(rows):
    assert summary(world_at(rows, 20 * SECOND)) == "t=20.0 s: nobody leads; 8 of 9 tasks run; manager-1 down"
    assert summary(world_at(rows, 49 * SECOND, "manager-3")).startswith(
        "t=49.0 s, as manager-3 sees it: manager-2 leads, term 2; 9 of 9"
    )


def test_the_summary_tells_lost_frozen_and_switched_off_machines_apart():
    pen = pretend.Pen(pretend.machines(0, 4))
    pen.note(1, "worker-1", events.MachineShutDown())
    pen.note(1, "worker-2", events.MachineCrashed())
    pen.note(1, "worker-3", events.MachineFrozen(5 * SECOND))
    pen.note(1, "worker-4", events.MachineCrashed())
    said = summary(world_at(frames(pen.trace), SECOND))
    assert said.endswith("; worker-2, worker-4 down, worker-3 frozen, worker-1 off")


# ── the outage bar ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_dead_leader_is_noticed_replaced_and_healed_when_one_can_write_again(story):
    row = outage(story, story.records[fact_number(story, events.MachineCrashed, "manager-1")])
    assert (row["machine"], row["of"], row["fault"]) == ("manager-1", "leader", 18 * SECOND)
    assert (row["noticed"], row["decided"], row["healed"]) == (30_200_000, 30_203_000, 30_210_000)


def test_a_dead_worker_is_healed_when_every_slot_runs_elsewhere(story, rows):
    number = fact_number(story, events.MachineCrashed, "worker-2")
    row = outage(rows, number)
    assert (row["machine"], row["of"], row["fault"]) == ("worker-2", "work", 50 * SECOND)
    assert row["noticed"] == 62_400_000 and row["decided"] == 62_510_000
    assert 62_510_000 < row["healed"] < 75 * SECOND


def test_a_leader_also_loses_work(story):
    row = outage(story, fact_number(story, events.MachineCrashed, "manager-1"), of="work")
    assert row["noticed"] == 30_210_000 and row["decided"] < row["healed"]


def test_an_outage_that_never_heals_says_none(story):
    number = fact_number(story, events.MachineCrashed, "worker-2")
    row = outage(story.mark()._replace(facts=number + 3, messages=0).prefix(), number)
    assert (row["noticed"], row["decided"], row["healed"]) == (None, None, None)
