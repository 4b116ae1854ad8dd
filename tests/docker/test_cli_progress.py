"""What an attached command prints while it waits, as recorded where the output is no terminal."""

import itertools
import re
from collections.abc import Callable

import pytest
from fake_engine import FakeEngine
from recorded import entries

from swarmlab.docker.cli import execute
from swarmlab.effects import MS, SECOND
from swarmlab.messages import CreateObject, ListObjects, UpdateObject
from swarmlab.objects import (
    COMPLETE,
    NEW,
    READY,
    RUNNING,
    SHUTDOWN,
    Node,
    Service,
    ServiceSpec,
    Task,
    UpdateConfig,
    replace,
)

ID = "yotl7mmxwfttagvm5op18k65t"


def counted(text: str) -> list[tuple[int, str]]:
    """As `uniq -c` counts."""
    return [(len(list(same)), line) for line, same in itertools.groupby(text.splitlines())]


def recorded(command: str) -> list[tuple[int, str]]:
    entry = next(e for e in entries() if e.command == f"docker {command} | uniq -c")
    return [(int(line[:7]), line[8:]) for line in entry.output.splitlines()]


def running_after(*seconds: float, spec_version: int = 0) -> Callable:
    """A script: the service is there once it was asked for, and task n runs after so many seconds of polling."""

    def script(engine: FakeEngine, request):
        match request:
            case CreateObject(spec):
                engine.objects["service"] = [Service(ID, spec)]
                engine.started = engine.now
                return ID
            case UpdateObject(_, _, _, spec):
                engine.objects["service"] = [replace(engine.objects["service"][0], spec=spec)]
                engine.started = engine.now
                return True
            case ListObjects("task"):
                since = (engine.now - engine.started) / SECOND
                return tuple(
                    Task(f"t{n}", ID, slot=n + 1, node="n", state=RUNNING if since >= after else NEW)
                    for n, after in enumerate(seconds)
                )
        return None

    return script


def engine_with(script: Callable, *objects) -> FakeEngine:
    return FakeEngine(Node("n", state="ready"), *objects, script=script)


def test_create_is_attached_and_prints_as_recorded() -> None:
    engine = engine_with(running_after(0.61, 0.81))
    result = execute("service create --name conv --replicas 2 nginx:alpine", engine)
    expected = recorded("service create --name conv --replicas 2 nginx:alpine")
    assert counted(result.stdout) == [*expected[:4], (4, expected[4][1]), *expected[5:]]
    assert result.exit_code == 0


def test_the_time_to_poll_itself_does_not_change_the_count_of_lines() -> None:
    inner = running_after(0)

    def slow(engine: FakeEngine, request):
        engine.now += 2 * MS
        return inner(engine, request)

    lines = counted(execute("service create nginx", engine_with(slow)).stdout)
    assert [number for number, line in lines if "Waiting" in line] == [5] * 5


def test_scale_names_the_service_as_it_was_given() -> None:
    service = Service(ID, ServiceSpec(name="conv", replicas=2))
    result = execute("service scale conv=3", engine_with(running_after(0, 0, 0.6), service))
    expected = recorded("service scale conv=3")
    assert counted(result.stdout) == [
        *expected[:2], *expected[2:5], (3, "overall progress: 2 out of 3 tasks"), *expected[6:]
    ]  # fmt: skip


def test_several_services_are_scaled_first_and_watched_one_after_the_other() -> None:
    services = [Service(name * 25, ServiceSpec(name=name)) for name in "ab"]
    tasks = [Task(name, name * 25, slot=1, node="n", state=RUNNING) for name in "ab"]
    lines = execute(
        "service scale a=1 b=1", FakeEngine(Node("n", state="ready"), *services, *tasks)
    ).stdout.splitlines()
    assert lines[:2] == ["a scaled to 1", "b scaled to 1"]
    assert [line for line in lines if "converged" in line] == [
        "verify: Service a converged",
        "verify: Service b converged",
    ]


def test_the_monitor_time_of_the_service_counts() -> None:
    result = execute("service create --update-monitor 2s nginx", engine_with(running_after(0)))
    assert [n for n, line in counted(result.stdout) if "Waiting" in line] == [5, 5]


def test_detached_and_quiet() -> None:
    assert execute("service create -d nginx", engine_with(running_after(0))).stdout == f"{ID}\n"
    engine = engine_with(running_after(0))
    before = engine.now
    assert execute("service create -q nginx", engine).stdout == f"{ID}\n"
    assert engine.now - before >= 5 * SECOND


def test_a_service_that_never_settles_ends_with_what_was_printed_so_far() -> None:
    engine = engine_with(running_after(1e9))
    engine.limit = engine.now + 10 * SECOND
    result = execute("service create --replicas 1 nginx", engine)
    assert result.stdout.startswith(f"{ID}\noverall progress: 0 out of 1 tasks\n1/1:  \n")
    assert result.exit_code == 130


def test_the_error_of_a_waiting_task_is_shown() -> None:
    task = Task("t", ID, slot=1, state=64, err="no suitable node (" + "x" * 80)
    engine = FakeEngine(task, script=lambda e, r: running_after()(e, r) if isinstance(r, CreateObject) else None)
    engine.limit = engine.now + SECOND
    assert "\n1/1: no suitable node (" + "x" * 56 + "…\n" in execute("service create nginx", engine).stdout


def test_a_relapse_starts_the_wait_anew() -> None:
    def script(engine: FakeEngine, request):
        if isinstance(request, ListObjects) and request.kind == "task":
            since = (engine.now - engine.started) / SECOND
            state = NEW if 2 <= since < 3 else RUNNING
            return (Task("t", ID, slot=1, node="n", state=state),)
        return running_after()(engine, request)

    result = execute("service create nginx", engine_with(script))
    lines = [line for _, line in counted(result.stdout)]
    assert lines.count("verify: Detected task failure") == 1
    assert re.sub(r"\D+", "", "".join(line for line in lines if "Waiting" in line)) == "5454321"


@pytest.mark.parametrize(("state", "word"), [("paused", "update"), ("rollback_paused", "rollback")])
def test_a_paused_update_ends_the_wait_with_its_message(state: str, word: str) -> None:
    service = Service(ID, ServiceSpec(name="web"), update_status=(state, "because of task x", 0, 0))
    result = execute("service update --force web", FakeEngine(service))
    assert (result.stderr, result.exit_code) == (f"service {word} paused: because of task x\n", 1)
    result = execute("service scale web=1", FakeEngine(service))  # several can be scaled, so each is named
    assert (result.stderr, result.exit_code) == (f"web: service {word} paused: because of task x\n", 1)


@pytest.mark.parametrize("command", ["service update --force web", "service rollback web"])
def test_update_and_rollback_name_the_service_as_it_was_given_and_end_quietly_when_detached(command: str) -> None:
    service = Service(ID, ServiceSpec(name="web"))
    engine = engine_with(running_after(0), service)
    lines = execute(command, engine).stdout.splitlines()
    assert (lines[0], lines[-1]) == ("web", "verify: Service web converged")
    for quiet in ("-d", "-q", "--detach"):
        assert execute(f"{command} {quiet}", engine).stdout == "web\n"


def test_a_rollback_that_was_over_before_it_was_looked_at_is_told_at_the_end() -> None:
    status = ("rollback_completed", "rollback completed", 0, 0)
    service = Service(ID, ServiceSpec(name="web"), update_status=status)
    task = Task("t", ID, slot=1, node="n", state=RUNNING)
    lines = execute("service rollback web", FakeEngine(Node("n", state="ready"), service, task)).stdout.splitlines()
    assert lines[1] == "overall progress: rolling back update: 0 out of 1 tasks"
    assert lines[-2:] == ["verify: Service web converged", "rollback: rollback completed"]


def job(mode: str, *tasks: Task, **more) -> FakeEngine:
    service = Service(ID, ServiceSpec(name="j", mode=mode, **more))
    engine = FakeEngine(Node("n", state="ready"), service, *tasks)
    engine.limit = engine.now + SECOND
    return engine


def test_a_job_is_over_when_all_its_tasks_are_complete_and_is_not_watched_any_longer() -> None:
    done = [Task(f"t{n}", ID, slot=n, node="n", state=COMPLETE, desired=COMPLETE) for n in range(3)]
    lines = execute("service update --force j", job("replicated-job", *done, replicas=3, max_concurrent=3)).stdout
    assert lines.splitlines() == [
        "j", "active tasks: 0 out of 3 tasks", "1/3:  ", "2/3:  ", "3/3:  ", "active tasks: 0 out of 0 tasks",
        "job complete",
    ]  # fmt: skip


def test_active_tasks_of_a_job_are_those_of_this_round_that_are_not_complete() -> None:
    done = Task("a", ID, slot=0, node="n", state=COMPLETE, desired=COMPLETE)
    failed = Task("b", ID, slot=1, node="n", state=704, desired=SHUTDOWN, err="task: non-zero exit (7)")
    before = Task("c", ID, slot=2, node="n", state=RUNNING, desired=COMPLETE, job_iteration=9)
    lines = execute(
        "service update --force j", job("replicated-job", done, failed, before, replicas=12, max_concurrent=10)
    ).stdout
    assert [line for _, line in counted(lines)][-2:] == [
        "2/12: task: non-zero exit (7)", "active tasks:  0 out of 10 tasks"
    ]  # fmt: skip


def test_a_global_job_waits_for_its_tasks_and_ends_when_each_is_complete() -> None:
    lines = execute("service update --force j", job("global-job")).stdout
    assert {line for _, line in counted(lines)} == {"j", "job progress: waiting for tasks"}
    done = Task("a", ID, slot=0, node="n", state=COMPLETE, desired=COMPLETE)
    assert execute("service update --force j", job("global-job", done)).stdout == "j\njob complete\n"


def test_only_the_most_alive_up_to_date_task_of_a_slot_counts() -> None:
    service = Service(ID, ServiceSpec(name="web", replicas=1), spec_version=7)
    old = Task(
        "old", ID, slot=1, node="n", state=RUNNING, spec_version=6, spec=replace(Task("", "").spec, force_update=9)
    )
    stopping = Task("stopping", ID, slot=1, node="n", state=RUNNING, desired=SHUTDOWN, spec_version=7)
    fresh = Task("fresh", ID, slot=1, node="n", state=READY, spec_version=7)
    away = Task("away", ID, slot=1, node="down", state=RUNNING, spec_version=7)
    engine = FakeEngine(Node("n", state="ready"), Node("down", state="down"), service, old, stopping, fresh, away)
    engine.limit = engine.now + SECOND
    assert "1 out of 1" not in execute("service scale web=1", engine).stdout
    engine.objects["task"].append(replace(fresh, id="sooner", slot=1, spec_version=7, state=RUNNING, desired=READY))
    assert "1 out of 1" in execute("service scale web=1", engine).stdout


def test_a_global_service_waits_for_its_tasks_and_draws_no_bars_beforehand() -> None:
    def script(engine: FakeEngine, request):
        match request:
            case CreateObject():
                return running_after()(engine, request)
            case ListObjects("task") if engine.now - engine.started > 300 * MS:
                return tuple(Task(f"t{n}", ID, node=n * 25, state=RUNNING) for n in "ab")
        return None

    engine = FakeEngine(*(Node(n * 25, state="ready") for n in "ab"), script=script)
    lines = execute("service create --mode global nginx", engine).stdout.splitlines()
    assert lines[1:5] == [
        "overall progress: waiting for new tasks",
        "overall progress: waiting for new tasks",
        "overall progress: 0 out of 2 tasks",
        "overall progress: 2 out of 2 tasks",
    ]


def test_more_than_twenty_tasks_have_no_bars() -> None:
    result = execute("service create --replicas 21 nginx", engine_with(running_after(*[0] * 21)))
    assert "1/21" not in result.stdout
    assert "21 out of 21" in result.stdout


def test_no_number_of_replicas_is_too_large_to_wait_for() -> None:
    engine = engine_with(running_after(0))
    engine.limit = engine.now + SECOND
    result = execute(f"service create --replicas {2**64 - 1} nginx", engine)
    assert result.stdout.splitlines()[-1] == f"overall progress: 1 out of {2**64 - 1} tasks"


def test_a_roll_back_is_announced() -> None:
    status = ("rollback_started", "update rolled back due to failure", 0, 0)
    service = Service(ID, ServiceSpec(name="web", update=UpdateConfig(monitor=SECOND)), update_status=status)
    task = Task("t", ID, slot=1, node="n", state=RUNNING)
    lines = execute("service scale web=1", FakeEngine(Node("n", state="ready"), service, task)).stdout.splitlines()
    assert lines[1] == "rollback: update rolled back due to failure"
    assert "overall progress: rolling back update: 1 out of 1 tasks" in lines
