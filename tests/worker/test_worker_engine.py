"""The engine as a person meets it [swarm.md §3, §14, §15; transcripts 01, 12, 14]."""

import pickle

import pytest
from worker_rig import DIGEST, MANAGERS, OTHER_ROOT, ROOT, Rig, certified, facts, sent, signed, told

from swarmlab.effects import SECOND, Tell
from swarmlab.events import CertificateIssued, SwarmJoined, SwarmLeft
from swarmlab.messages import (
    AskRoot,
    BeManager,
    BeNode,
    BeNothing,
    Broken,
    Call,
    Certified,
    Certify,
    Container,
    Discard,
    Exited,
    Expose,
    FoundSwarm,
    Info,
    InitAnswer,
    JoinGossip,
    LeaveGossip,
    ListContainers,
    ListNetworks,
    ListObjects,
    ManagersChanged,
    NetworkRow,
    NotCertified,
    NotRaftJoined,
    Prepare,
    Prepared,
    RaftJoin,
    RaftJoined,
    Registered,
    RemoveContainer,
    Reply,
    RootCertificate,
    Run,
    Running,
    Start,
    SwarmFounded,
    SwarmInit,
    SwarmJoin,
    SwarmLeave,
    Withdraw,
)
from swarmlab.objects import Description, ManagerStatus, Network, NetworkSpec, Node, PortConfig
from swarmlab.trust.signing import requested_key
from swarmlab.worker import refusals
from swarmlab.worker.engine import Engine

TOKEN = f"SWMTKN-1-{DIGEST}-9pzxwttip2sesp1iw3xbpnd5z"
JOIN = SwarmJoin(TOKEN, "10.0.0.1:2377")
LATE = refusals.JOIN_GOES_ON


@pytest.fixture
def rig():
    return Rig(Engine, Description("worker-1"), "10.0.0.9")


def ask(rig, request, id=1):
    return rig.told("client", Call(id, request))


def replies(effects):
    return told(effects, "client")


def join(rig, role="worker"):
    ask(rig, JOIN)
    effects = rig.heard("manager-1", certified(rig, role))
    effects += rig.heard("manager-1", RaftJoined(MANAGERS)) if role == "manager" else []
    return effects + rig.told("agent", Registered(role))


def info(rig):
    return replies(ask(rig, Info()))[0].value


# ── init ──


def test_init_founds_a_swarm_through_the_manager_and_wakes_agent_and_gossip(rig):
    assert not ask(rig, SwarmInit())  # the keys take a moment
    (found,) = told(rig.run_for(SECOND), "manager")
    assert isinstance(found, FoundSwarm) and found.address == "10.0.0.9"
    assert (len(found.node), len(found.member), len(found.worker_secret)) == (25, 16, 25)
    assert found.worker_secret != found.manager_secret
    effects = rig.told("manager", SwarmFounded("SWMTKN-1-x", signed(found.csr, "manager", found.node)))
    assert told(effects, "agent") == [BeNode(found.node, ((found.node, "worker-1", "10.0.0.9"),))]
    assert told(effects, "gossip") == [JoinGossip(())]
    assert [type(fact) for fact in facts(effects)] == [CertificateIssued, SwarmJoined]
    assert facts(effects)[1] == SwarmJoined(found.node, "manager")
    assert replies(effects) == [Reply(1, InitAnswer(found.node, "SWMTKN-1-x", "10.0.0.9:2377"))]
    assert info(rig).swarm == "active" and info(rig).manager


def test_nobody_is_in_two_swarms(rig):
    join(rig)
    assert replies(ask(rig, SwarmInit()))[0].error == replies(ask(rig, JOIN))[0].error == refusals.ALREADY_IN


# ── join ──


def test_a_worker_is_in_when_its_agent_has_a_session(rig):
    ask(rig, JOIN)
    assert sent(rig.run_for(SECOND), AskRoot)
    (question,) = sent(rig.heard("manager-1", RootCertificate(ROOT)), Certify)
    assert (question.to, question.channel) == ("10.0.0.1", "manager")
    csr = question.message.csr
    assert question.message == Certify(TOKEN, Description("worker-1"), "10.0.0.9", csr=csr) and requested_key(csr)
    assert info(rig).swarm == "pending" and info(rig).managers == (("", "10.0.0.1:2377"),)
    effects = rig.heard("manager-1", certified(rig))
    assert told(effects, "agent") == [BeNode("node1", MANAGERS)] and not replies(effects)
    assert told(effects, "gossip") == [JoinGossip(("manager-1", "manager-2", "manager-3"))]
    effects = rig.told("agent", Registered("worker"))
    assert replies(effects) == [Reply(1, "worker")] and facts(effects) == [SwarmJoined("node1", "worker")]
    assert not rig.run_for(60 * SECOND) and info(rig).swarm == "active"


def test_a_manager_is_in_when_raft_has_let_it_in_as_well(rig):
    ask(rig, JOIN)
    effects = rig.heard("manager-1", certified(rig, "manager"))
    (role,) = told(effects, "manager")
    assert role == BeManager("node1", role.member) and sent(effects, RaftJoin)[0].message == RaftJoin(
        "node1", role.member
    )
    assert not replies(rig.told("agent", Registered("manager")))
    rig.heard("manager-1", NotRaftJoined("another change is pending"))
    assert sent(rig.run_for(3 * SECOND), RaftJoin)
    assert replies(rig.heard("manager-1", RaftJoined(MANAGERS))) == [Reply(1, "manager")]
    assert not sent(rig.run_for(60 * SECOND), RaftJoin)


@pytest.mark.parametrize("token", ["bogus", "", TOKEN + "x", TOKEN.replace("-1-", "-3-"), TOKEN.upper()])
def test_a_malformed_token_is_refused_here(rig, token):
    effects = ask(rig, SwarmJoin(token, "10.0.0.1:2377"))
    assert effects == [Tell("client", Reply(1, None, "invalid join token"))]


def test_a_wrong_secret_is_refused_by_the_manager_and_nothing_remains(rig):
    ask(rig, JOIN)
    reason = "rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster"
    assert replies(rig.heard("manager-1", NotCertified(reason)))[0].error == reason
    assert (info(rig).swarm, info(rig).error) == ("inactive", reason) and rig.quiet and "joining" not in rig.values


def test_the_token_is_shown_to_nobody_but_the_swarm_that_it_names(rig):
    ask(rig, SwarmJoin(f"SWMTKN-1-{'z' * 50}-{'0' * 25}", "10.0.0.1:2377"))
    assert sent(rig.run_for(SECOND), AskRoot)
    error = replies(rig.heard("manager-1", RootCertificate(ROOT)))[0].error
    start, _, digest = error.rpartition(" ")
    assert start == "remote CA does not match fingerprint. Expected:" and len(digest) == 64
    assert info(rig).swarm == "inactive"


def test_the_fingerprint_of_a_digest_of_zeros_is_zeros(rig):
    ask(rig, SwarmJoin(f"SWMTKN-1-{'0' * 50}-{'0' * 25}", "10.0.0.1:2377"))
    assert replies(rig.heard("manager-1", RootCertificate(OTHER_ROOT)))[0].error.endswith(" " + "0" * 64)


def test_a_join_without_answer_comes_back_after_20_seconds_and_goes_on(rig):
    ask(rig, JOIN)
    effects = rig.run_for(20 * SECOND)
    assert len(sent(effects, AskRoot)) == 10 and replies(effects) == [Reply(1, None, LATE)]
    assert info(rig).swarm == "pending" and replies(ask(rig, JOIN, 2))[0].error == refusals.ALREADY_IN
    assert sent(rig.run_for(2 * SECOND), AskRoot)
    rig.heard("manager-1", certified(rig))
    effects = rig.told("agent", Registered("worker"))
    assert facts(effects) == [SwarmJoined("node1", "worker")] and not replies(effects)
    assert info(rig).swarm == "active"


def test_a_join_that_hangs_can_be_given_up(rig):
    ask(rig, JOIN)
    rig.run_for(20 * SECOND)
    assert replies(ask(rig, SwarmLeave(), 2)) == [Reply(2)] and rig.quiet
    assert not rig.heard("manager-1", certified(rig))


def test_a_manager_that_raft_let_in_still_waits_for_its_session(rig):
    ask(rig, JOIN)
    rig.heard("manager-1", certified(rig, "manager"))
    assert not replies(rig.heard("manager-1", RaftJoined(MANAGERS)))
    assert replies(rig.told("agent", Registered("manager"))) == [Reply(1, "manager")]


def test_raft_is_asked_every_three_seconds_whatever_else_is_due(rig):
    ask(rig, JOIN)
    rig.heard("manager-1", certified(rig, "manager"))
    assert len(sent(rig.run_for(20 * SECOND), RaftJoin)) == 6


def test_the_founder_that_boots_again_gossips_with_the_others_only(rig):
    ask(rig, SwarmInit())
    (found,) = told(rig.run_for(SECOND), "manager")
    rig.told("manager", SwarmFounded("x", signed(found.csr, "manager", found.node)))
    assert told(rig.boot(), "gossip") == [JoinGossip(())]


def test_a_second_certificate_is_ignored(rig):
    join(rig)
    assert not rig.heard("manager-1", Certified("other", "worker", MANAGERS))


def test_a_crash_in_the_middle_of_a_join_does_not_end_it(rig):
    ask(rig, JOIN)
    assert sent(rig.boot(), AskRoot)
    rig.heard("manager-1", RootCertificate(ROOT))
    assert sent(rig.boot(), Certify)
    rig.heard("manager-1", certified(rig, "manager"))
    effects = rig.boot()
    assert sent(effects, RaftJoin) and isinstance(told(effects, "manager")[0], BeManager)


def test_a_machine_that_boots_again_is_the_node_it_was(rig):
    join(rig, "manager")
    rig.told("agent", ManagersChanged(MANAGERS[:2]))
    effects = rig.boot()
    assert told(effects, "agent") == [BeNode("node1", MANAGERS[:2])]
    assert told(effects, "gossip") == [JoinGossip(("manager-1", "manager-2"))]
    assert not told(effects, "manager") and not sent(effects, RaftJoin)
    assert info(rig).manager and info(rig).node == "node1"


# ── leave ──


def test_leaving_makes_every_core_forget(rig):
    join(rig, "manager")
    effects = ask(rig, SwarmLeave(force=True))
    assert told(effects, "agent") == told(effects, "manager") == [BeNothing()]
    assert told(effects, "gossip") == [LeaveGossip()] and facts(effects) == [SwarmLeft("node1")]
    assert replies(effects) == [Reply(1)] and set(rig.values) == {"networks"}
    assert replies(ask(rig, SwarmLeave(force=True)))[0].error == "This node is not part of a swarm"


def test_a_worker_needs_no_force(rig):
    join(rig)
    effects = ask(rig, SwarmLeave())
    assert replies(effects) == [Reply(1)] and not told(effects, "manager")


def managers(*reachability):
    return tuple(Node(str(n), manager_status=ManagerStatus("", "", False, one)) for n, one in enumerate(reachability))


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        (managers("reachable"), refusals.LAST_MANAGER),
        (managers(*["reachable"] * 3), refusals.LAST_RESORT),
        (managers(*["reachable"] * 2), refusals.QUORUM_GONE.format(1, 2) + refusals.LAST_RESORT),
        (managers("reachable", "reachable", "unreachable"), refusals.QUORUM_GONE.format(1, 3) + refusals.LAST_RESORT),
    ],
)
def test_a_manager_is_warned(rig, nodes, text):
    join(rig, "manager")
    (question,) = told(ask(rig, SwarmLeave(), 7), "manager")
    assert question.request == ListObjects("node")
    (reply,) = replies(rig.told("manager", Reply(question.id, nodes)))
    assert (reply.id, reply.error) == (7, refusals.LEAVING_MANAGER + text)


def test_a_manager_without_a_leader_is_warned_too(rig):
    """Nobody can say how many managers are left [moby daemon/cluster/swarm.go: Leave]."""
    join(rig, "manager")
    (question,) = told(ask(rig, SwarmLeave()), "manager")
    error = replies(rig.told("manager", Reply(question.id, error="no leader")))[0].error
    assert error == refusals.LEAVING_MANAGER + refusals.LAST_RESORT


def test_a_manager_that_does_not_work_yet_is_warned_as_well(rig):
    ask(rig, JOIN)
    rig.heard("manager-1", certified(rig, "manager"))
    error = replies(ask(rig, SwarmLeave(), 2))[0].error
    assert error == refusals.LEAVING_MANAGER + refusals.QUORUM_UNSURE + refusals.LAST_RESORT
    assert replies(ask(rig, SwarmLeave(force=True), 3))[-1] == Reply(3)


# ── the swarm's business ──


def test_what_concerns_the_swarm_is_passed_to_the_manager_of_this_machine(rig):
    join(rig, "manager")
    (question,) = told(ask(rig, ListObjects("service"), 9), "manager")
    assert question.request == ListObjects("service")
    assert replies(rig.told("manager", Reply(question.id, ("web",)))) == [Reply(9, ("web",))]
    assert not rig.told("manager", Reply(question.id, ("web",)))  # once


def test_where_no_manager_is_the_swarm_is_out_of_reach(rig):
    def error():
        return replies(ask(rig, ListObjects("node")))[0].error

    assert error() == refusals.NO_SWARM
    ask(rig, JOIN)
    assert error() == refusals.ONLY_A_WORKER
    rig.heard("manager-1", certified(rig, "manager"))
    assert error() == refusals.NOT_YET_A_MANAGER


def test_networks_are_those_of_the_machine_and_those_of_the_swarm_it_knows(rig):
    def names(effects):
        return [row.name for row in replies(effects)[0].value]

    assert names(ask(rig, ListNetworks())) == ["bridge", "host", "none"]
    ids = [row.id for row in replies(ask(rig, ListNetworks()))[0].value]
    join(rig, "manager")
    (question,) = told(ask(rig, ListNetworks()), "manager")
    swarm = (Network("n1", NetworkSpec("ingress")), Network("n2", NetworkSpec("bridge"), predefined=True))
    (question,) = told(rig.told("manager", Reply(question.id, swarm)), "agent")
    own = NetworkRow("n3", "removed", "overlay", "swarm", {}), NetworkRow("n1", "ingress", "overlay", "swarm", {})
    effects = rig.told("agent", Reply(question.id, own))
    assert names(effects) == ["bridge", "docker_gwbridge", "host", "ingress", "none", "removed"]
    ask(rig, SwarmLeave(force=True))
    rig.boot()
    assert [row.id for row in replies(ask(rig, ListNetworks()))[0].value] == ids
    join(rig)
    assert told(ask(rig, ListNetworks()), "agent")[0].request == ListNetworks()


# ── plain containers ──


def look(rig, request, containers=()):
    (question,) = told(ask(rig, request), "executor")
    assert question.request == ListContainers(all=True)
    return rig.told("executor", Reply(question.id, containers))


def box(name="web", state="running", id="ab" * 32, task=""):
    return Container(id, name, "nginx", "", 0, state, 0, 0, (), task, {})


def test_run_prepares_starts_and_gives_the_id(rig):
    (wish,) = told(look(rig, Run("nginx", "web", ("-x",))), "executor")
    assert wish == Prepare(wish.key, "nginx", "web", ("-x",), {}) and len(wish.key) == 64
    assert told(rig.told("executor", Prepared(wish.key, wish.key)), "executor") == [Start(wish.key)]
    effects = rig.told("executor", Running(wish.key))
    assert replies(effects) == [Reply(1, wish.key)]
    (shown,) = told(effects, "mesh")
    assert shown.endpoint.addresses[0][1:] == ("bridge", "172.17.0.2") and not shown.endpoint.ports


def test_a_published_port_of_a_plain_container_is_a_host_port(rig):
    (wish,) = told(look(rig, Run("nginx", "web", (), (PortConfig(80, 8080),))), "executor")
    (shown,) = told(rig.told("executor", Running(wish.key)), "mesh")
    assert isinstance(shown, Expose) and shown.endpoint.ports == (PortConfig(80, 8080, publish_mode="host"),)
    assert told(rig.told("executor", Exited(wish.key, 1)), "mesh") == [Withdraw(wish.key)]


def test_a_container_that_nobody_named_gets_a_name(rig):
    (wish,) = told(look(rig, Run("nginx")), "executor")
    adjective, surname = wish.name.split("_")
    assert adjective.islower() and surname.islower()


def test_two_containers_cannot_have_one_name(rig):
    (reply,) = replies(look(rig, Run("nginx", "web"), (box(state="exited"),)))
    assert reply.error == (
        f'Conflict. The container name "/web" is already in use by container "{"ab" * 32}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    )


def test_a_run_that_breaks_says_why(rig):
    (wish,) = told(look(rig, Run("acme/web:9")), "executor")
    assert replies(rig.told("executor", Broken(wish.key, "manifest unknown"))) == [Reply(1, error="manifest unknown")]


@pytest.mark.parametrize("ref", ["web", "/web", "ab" * 32, "aba"])
def test_a_container_is_removed_by_name_by_id_and_by_the_beginning_of_its_id(rig, ref):
    effects = look(rig, RemoveContainer(ref), (box(state="exited"), box("other", id="cd" * 32)))
    assert told(effects, "executor") == [Discard("ab" * 32)] and replies(effects) == [Reply(1)]


def test_a_running_container_is_removed_only_with_force(rig):
    (reply,) = replies(look(rig, RemoveContainer("web"), (box(),)))
    assert reply.error.startswith(f"You cannot remove a running container {'ab' * 32}. Stop the container")
    assert told(look(rig, RemoveContainer("web", force=True), (box(task="t1"),)), "executor") == [Discard("t1")]


@pytest.mark.parametrize(
    ("ref", "text"), [("no", "No such container: no"), ("a", "multiple IDs found with provided prefix: a")]
)
def test_a_container_must_be_found(rig, ref, text):
    assert replies(look(rig, RemoveContainer(ref), (box(), box("x", id="ac" * 32))))[0].error == text


def test_the_list_of_containers_comes_from_the_runtime(rig):
    (question,) = told(ask(rig, ListContainers(), 3), "executor")
    assert question.request == ListContainers()
    assert replies(rig.told("executor", Reply(question.id, (box(),)))) == [Reply(3, (box(),))]


def test_the_engine_is_plain_data(rig):
    join(rig)
    ask(rig, Run("nginx"))
    assert pickle.loads(pickle.dumps(rig.core)).asked == rig.core.asked
