"""The pretend container runtime, the registry, and the table of images."""

import doctest
import pickle

import pytest
from worker_rig import Rig, facts, sent, told

from swarmlab.effects import MS, SECOND, Send
from swarmlab.events import (
    ContainerCreated,
    ContainerExited,
    ContainerRemoved,
    ContainerStarted,
    ImagePulled,
    PullStarted,
)
from swarmlab.messages import (
    Broken,
    Call,
    Discard,
    Exited,
    KeepOnly,
    ListContainers,
    Prepare,
    Prepared,
    Running,
    Serve,
    Served,
    Start,
    Stop,
)
from swarmlab.trust import tokens
from swarmlab.worker import images
from swarmlab.worker.executor import Executor
from swarmlab.worker.registry import Absent, Layers, Pull, Registry


@pytest.fixture
def rig():
    return Rig(Executor)


def wish(key="t1", image="nginx:alpine", args=()):
    labels = {"com.docker.swarm.task.id": key}
    return Prepare(key, image, f"web.1.{key}", args, labels)


def made(rig, key="t1", image="nginx:alpine", args=()):
    rig.told("agent", wish(key, image, args))
    rig.heard("registry", Layers(images.full(image), 1000))
    return rig.run_for(5 * MS)


def running(rig, key="t1", image="nginx:alpine", args=()):
    made(rig, key, image, args)
    rig.told("agent", Start(key))
    return rig.run_for(images.find(image).start)


def test_an_image_that_is_not_here_is_pulled_once_for_all_who_wait(rig):
    first = rig.told("agent", wish("t1"))
    assert sent(first, Pull) == [Send("registry", "registry", Pull("nginx:alpine"))]
    assert facts(first) == [PullStarted("nginx:alpine")]
    assert not rig.told("agent", wish("t2"))
    assert facts(rig.heard("registry", Layers("nginx:alpine", 21_000_000))) == [ImagePulled("nginx:alpine", 21_000_000)]
    effects = rig.run_for(5 * MS)
    assert [type(fact) for fact in facts(effects)] == [ContainerCreated, ContainerCreated]
    assert [type(message) for message in told(effects, "agent")] == [Prepared, Prepared]
    assert not sent(rig.told("agent", wish("t3")), Pull)  # it is here now


def test_the_registry_is_asked_again_with_growing_patience(rig):
    rig.told("agent", wish())
    assert not rig.run_for(60 * SECOND - 1)
    assert sent(rig.run_for(1), Pull)
    assert not rig.run_for(120 * SECOND - 1)
    assert sent(rig.run_for(1), Pull)
    rig.heard("registry", Layers("nginx:alpine", 1))
    assert not rig.heard("registry", Layers("nginx:alpine", 1))  # the second copy
    assert not sent(rig.run_for(1000 * SECOND), Pull)


def test_a_missing_image_breaks_a_task_in_the_words_of_the_agent_and_a_run_in_those_of_the_registry(rig):
    rig.told("agent", wish("t1", "acme/web:9"))
    rig.told("engine", Prepare("c", "acme/web:9", "web", (), {}))
    effects = rig.heard("registry", Absent("acme/web:9", images.refusal("acme/web:9")))
    assert told(effects, "agent") == [Broken("t1", "No such image: acme/web:9")]
    assert told(effects, "engine") == [
        Broken("c", "manifest for acme/web:9 not found: manifest unknown: manifest unknown")
    ]


def test_a_container_starts_after_the_start_time_of_its_image(rig):
    made(rig)
    rig.told("agent", Start("t1"))
    assert not rig.run_for(200 * MS - 1)
    effects = rig.run_for(1)
    assert told(effects, "agent") == [Running("t1")] and isinstance(facts(effects)[0], ContainerStarted)
    assert not rig.run_for(3600 * SECOND)


@pytest.mark.parametrize(
    ("image", "args", "after", "code"),
    [
        ("acme/web:bad", (), 2, 3),
        ("acme/broken:1", (), 2, 1),
        ("nginx", ("crash", "7", "42"), 7, 42),
        ("alpine", ("sleep", "5"), 5, 0),
        ("alpine:3.19", ("sh", "-c", "sleep 2; exit 4"), 2, 4),
        ("alpine", (), 0, 0),
    ],
)
def test_a_container_ends_as_its_image_or_its_arguments_say(rig, image, args, after, code):
    made(rig, "t1", image, args)
    rig.told("agent", Start("t1"))
    effects = rig.run_for(images.find(image).start + after * SECOND - 1)
    assert Exited("t1", code) not in told(effects, "agent")
    assert told(rig.run_for(1), "agent")[-1] == Exited("t1", code)


def test_stopping_takes_the_time_of_the_image_and_gives_its_code(rig):
    running(rig)
    assert not rig.told("agent", Stop("t1", 10 * SECOND))
    assert told(rig.run_for(100 * MS), "agent") == [Exited("t1", 0)]
    assert not rig.run_for(20 * SECOND)


def test_what_ignores_the_signal_is_killed_after_the_grace_period(rig):
    running(rig, "t1", "acme/hang")
    rig.told("agent", Stop("t1", 10 * SECOND))
    assert not rig.run_for(10 * SECOND - 1)
    effects = rig.run_for(1)
    assert told(effects, "agent") == [Exited("t1", 137)] and isinstance(facts(effects)[0], ContainerExited)


def test_whoever_stops_what_does_not_run_hears_that_it_has_ended(rig):
    assert told(rig.told("agent", Stop("t9", 0)), "agent") == [Exited("t9", 0)]
    running(rig, "t1", "acme/web:bad")
    rig.run_for(2 * SECOND)
    assert told(rig.told("agent", Stop("t1", 0)), "agent") == [Exited("t1", 3)]


def test_many_requests_are_served_at_once_and_the_asker_gets_the_answer(rig):
    running(rig)
    for request in range(100):
        rig.told("mesh", Serve(request, "t1"))
    answers = told(rig.run_for(SECOND), "mesh")
    assert sorted(answers) == [Served(request, "t1", 200) for request in range(100)]


def test_nothing_listens_in_a_container_that_does_not_run(rig):
    assert told(rig.told("mesh", Serve(1, "t1")), "mesh") == [Served(1, "t1", 0)]
    running(rig)
    rig.told("mesh", Serve(2, "t1"))
    rig.told("agent", Discard("t1"))
    assert told(rig.run_for(SECOND), "mesh") == [Served(2, "t1", 0)]


def test_removing_by_hand_what_the_agent_runs_is_told_to_the_agent(rig):
    running(rig)
    effects = rig.told("engine", Discard("t1"))
    assert told(effects, "agent") == [Exited("t1", 137)] and isinstance(facts(effects)[-1], ContainerRemoved)
    assert told(rig.told("agent", Start("t1")), "agent") == [Broken("t1", "No such container: t1")]


def test_the_agent_that_removes_its_own_container_needs_no_answer(rig):
    running(rig)
    assert not told(rig.told("agent", Discard("t1")), "agent")
    rig.told("agent", wish("t2"))
    rig.told("agent", Discard("t2"))  # before it is made
    assert not told(rig.run_for(SECOND), "agent")


def test_after_a_crash_images_and_containers_are_there_but_nothing_runs(rig):
    running(rig, "t1")
    made(rig, "t2")
    rig.now += SECOND
    assert not told(rig.boot(), "agent")
    listed = told(rig.told("engine", Call(1, ListContainers(all=True))), "engine")[0].value
    assert [(c.task, c.state, c.exit_code) for c in listed] == [("t2", "created", 0), ("t1", "exited", 137)]
    assert told(rig.told("agent", wish("t2")), "agent") == [Prepared("t2", listed[0].id)]
    rig.told("agent", Start("t2"))
    assert told(rig.run_for(SECOND), "agent") == [Running("t2")]
    assert not sent(rig.told("agent", wish("t3")), Pull)


def test_the_list_shows_the_command_and_only_running_ones_unless_all_are_wanted(rig):
    running(rig)
    made(rig, "t2")
    (row,) = told(rig.told("engine", Call(1, ListContainers())), "engine")[0].value
    assert (row.name, row.command) == ("web.1.t1", "/docker-entrypoint.sh nginx -g 'daemon off;'")
    assert len(row.id) == 64


def test_the_executor_is_plain_data(rig):
    running(rig)
    rig.told("agent", Stop("t1", SECOND))
    twin = pickle.loads(pickle.dumps(rig.core))
    assert twin.deadline == rig.core.deadline and twin.boxes == rig.core.boxes


# ── registry ──


def test_the_registry_sends_layers_as_heavy_as_the_image():
    (answer,) = Rig(Registry).heard("worker-1", Pull("nginx:alpine"))
    assert answer == Send("worker-1", "executor", Layers("nginx:alpine", 21_000_000), 21_000_000)


def test_the_registry_refuses_what_it_has_not():
    (answer,) = Rig(Registry).heard("worker-1", Pull("nosuch/image:9"))
    assert answer.message.reason.startswith("pull access denied for nosuch/image, repository does not exist")


# ── the table ──


def test_an_unknown_image_is_a_plain_server():
    image = images.find("example.org:5000/shop/cart:7")
    assert image.exits is None and image.size == 50_000_000


def test_an_image_with_a_strict_list_has_no_other_tags():
    assert images.find("acme/web:2") and images.find("acme/web:9") is None
    assert images.find("acme/web:2").exits is None and images.find("acme/web:bad").exits == (2 * SECOND, 3)


@pytest.mark.parametrize(
    ("reference", "short"),
    [
        ("redis", "redis:latest"),
        ("docker.io/library/redis:alpine", "redis:alpine"),
        ("docker.io/prom/prometheus:v3", "prom/prometheus:v3"),
        ("nginx:1.27@sha256:abc", "nginx:1.27"),
        ("localhost:5000/web", "localhost:5000/web:latest"),
    ],
)
def test_references_are_kept_in_their_short_form(reference, short):
    assert images.full(reference) == short


def test_every_row_of_the_table_is_readable():
    rows = images._rows("images.yml")
    for repository, row in rows.items():
        for tag in ["latest", *row.get("tags", {})]:
            assert isinstance(tag, str), f"quote the tag {tag} of {repository}"
            image = images.find(f"{repository}:{tag}")
            assert image is None or (image.size > 0 and image.start >= 0)
            assert set(row) <= {*rows["default"], "tags", "strict", "versions", "missing"}


def test_there_are_names_for_everybody():
    adjectives, surnames = images.names()
    assert len(set(adjectives)) == len(adjectives) > 40 and len(set(surnames)) == len(surnames) > 40


@pytest.mark.parametrize("room", [images, tokens])
def test_the_examples_in_the_docstrings_are_right(room):
    assert doctest.testmod(room).failed == 0


def test_containers_of_tasks_that_the_agent_does_not_know_go(rig):
    """§13: on each complete set of assignments; plain containers are nobody's task."""
    for key in ("t1", "t2"):
        made(rig, key)
    rig.told("engine", wish("plain")._replace(labels={}))
    rig.run_for(SECOND)
    rig.told("agent", KeepOnly(("t2",)))
    assert sorted(rig.core.boxes) == ["plain", "t2"]
