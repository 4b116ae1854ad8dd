"""Containers that are made before they are started, and commands in two steps [docker-api.md §3 `exec`]."""

import pytest

from swarmlab import Cluster
from swarmlab.cluster import Keyboard
from swarmlab.messages import CreateExec, Exec, GetExec, ListContainers, RenameContainer, Run, StartContainer, StartExec
from swarmlab.objects import ApiError


@pytest.fixture
def session() -> Keyboard:
    cluster = Cluster(machines=1, seed=1, messages=False)
    cluster.docker("version")
    return Keyboard(cluster, "node-1", cluster.kernel.now + 10**9, cluster.acts[-1], -1)


def test_a_container_that_is_made_only_waits_for_its_start(session) -> None:
    id = session.call(Run("nginx", name="web", start=False))
    assert [one.state for one in session.call(ListContainers(all=True))] == ["created"]
    session.call(StartContainer("web"))
    assert [(one.id, one.state) for one in session.call(ListContainers())] == [(id, "running")]


def test_an_image_that_nobody_has_leaves_no_container(session) -> None:
    with pytest.raises(ApiError):
        session.call(Run("nosuch/image:9", name="web", start=False))
    assert session.call(ListContainers(all=True)) == ()
    session.call(Run("nginx", name="web", start=False))  # nor is its name taken


def test_a_container_is_renamed_unless_the_name_is_taken(session) -> None:
    session.call(Run("nginx", name="web"))
    session.call(Run("nginx", name="other"))
    session.call(RenameContainer("web", "front"))
    assert {one.name for one in session.call(ListContainers())} == {"front", "other"}
    for name in ("other", "front", "", "-"):
        with pytest.raises(ApiError):
            session.call(RenameContainer("front", name))


def test_a_command_is_made_started_once_and_asked_how_it_ended(session) -> None:
    session.call(Run("nginx", name="web"))
    id = session.call(CreateExec(Exec("web", ("sh", "-c", "echo hello; exit 3"))))
    assert (session.call(GetExec(id)).started, session.call(GetExec(id)).code) == (False, None)
    assert session.call(StartExec(id)).stdout == "hello\n"
    assert session.call(GetExec(id)).code == 3
    with pytest.raises(ApiError, match="has already run"):
        session.call(StartExec(id))
    with pytest.raises(ApiError, match="No such exec instance: nosuch"):
        session.call(GetExec("nosuch"))
    session.call(Run("nginx", name="made", start=False))
    with pytest.raises(ApiError, match="is not running"):
        session.call(CreateExec(Exec("made", ("true",))))
