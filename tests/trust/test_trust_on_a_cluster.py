"""Certificates on a running swarm: issued, renewed, replaced, refused [swarm.md §15]."""

from random import Random

import pytest

from swarmlab import Cluster
from swarmlab.effects import NEVER, Received
from swarmlab.events import (
    CertificateIssued,
    ConnectionRefused,
    RootRotationBegun,
    RootRotationEnded,
    RootTrusted,
    SwarmNotStarted,
)
from swarmlab.guard import CHANNELS
from swarmlab.manager import ca
from swarmlab.messages import RootCertificate, TrustRoot
from swarmlab.trust import certificates, signing, tokens

ADDRESS = "192.168.50.100:2377"


def facts(cluster, kind, since=0.0):
    return [(r.source, r.fact) for r in cluster.trace.records if type(r.fact) is kind and r.time >= since * 1e6]


def short_lived():
    """A manager and two workers whose certificates are good for an hour."""
    cluster = Cluster(machines=3, seed=3, messages=False)
    cluster.docker("swarm init --cert-expiry 1h", "node-1")
    token = cluster.docker("swarm join-token -q worker", "node-1").stdout.strip()
    for name in ("node-2", "node-3"):
        assert cluster.docker(f"swarm join --token {token} {ADDRESS}", name).exit_code == 0
    return cluster


def tls(cluster, machine="manager-1"):
    said = cluster.docker("node ls --format '{{.Hostname}} {{.TLSStatus}}'", machine).stdout
    return dict(line.split(" ", 1) for line in said.splitlines())


def root_of(cluster):
    return certificates.from_pem(cluster.docker("swarm ca").stdout)


def test_every_node_has_a_certificate_of_the_swarms_own_root_and_the_token_names_it():
    cluster = Cluster(managers=1, workers=1, seed=1)
    root = root_of(cluster)
    assert tokens.parts(cluster.docker("swarm join-token -q worker").stdout.strip()).digest == tokens.digest(root)
    for name, role in (("manager-1", "manager"), ("worker-1", "worker")):
        papers = cluster.papers(name)
        assert papers.root == root and papers.problem(cluster.kernel.now) == "" and papers.says.role == role
        assert cluster.store.get("node", papers.says.node).certificate == papers.certificate
    assert {fact.why for _, fact in facts(cluster, CertificateIssued)} == {"init", "join"}
    assert set(tls(cluster).values()) == {"Ready"} and not facts(cluster, ConnectionRefused)


def test_what_a_node_has_is_what_inspect_shows():
    cluster = Cluster(managers=1, seed=1)
    shown = cluster.docker("node inspect --format '{{.Description.TLSInfo.TrustRoot}}' self").stdout
    assert shown.strip() == certificates.pem(cluster.papers("manager-1").root).strip()


def test_promotion_and_demotion_change_the_certificate():
    """§14: the agent renews its certificate (OU)."""
    cluster = Cluster(managers=1, workers=1, seed=1)
    for command, role in (("promote", "manager"), ("demote", "worker")):
        old = cluster.papers("worker-1")
        cluster.docker(f"node {command} worker-1", "manager-1")
        cluster.run_for(15)
        new = cluster.papers("worker-1")
        assert new.says.role == role and new.key != old.key and new.says.serial != old.says.serial


def test_rotation_of_the_root_node_by_node():
    """§15: cross-signed, all nodes renew, the old root is dropped within 3 s, tokens change; nobody is refused."""
    cluster = Cluster(managers=3, workers=2, seed=1)
    old, token = root_of(cluster), cluster.docker("swarm join-token -q worker").stdout
    said = cluster.docker("swarm ca --rotate").stdout
    new = root_of(cluster)
    assert certificates.pem(new).strip() in said and new != old
    assert cluster.docker("swarm join-token -q worker").stdout != token
    cluster.run_for(2)
    assert all(cluster.papers(name).root == new for name in cluster.computers if name not in ("client", "registry"))
    assert len(facts(cluster, RootTrusted)) == 5 and set(tls(cluster).values()) == {"Ready"}
    ((_, begun),) = facts(cluster, RootRotationBegun)
    ((_, ended),) = facts(cluster, RootRotationEnded)
    assert ended.root == begun.new == certificates.key_id(certificates.read(new).key)
    assert not facts(cluster, ConnectionRefused)


def test_a_rotation_waits_for_a_node_that_is_away():
    cluster = Cluster(managers=1, workers=1, seed=1)
    cluster.crash("worker-1")
    cluster.docker("swarm ca --rotate -d")
    cluster.run_for(10)
    assert tls(cluster) == {"manager-1": "Ready", "worker-1": "Needs Rotation"}
    assert "Root Rotation In Progress: true" in cluster.docker("info").stdout
    cluster.restart("worker-1")
    cluster.run_for(15)
    assert set(tls(cluster).values()) == {"Ready"} and facts(cluster, RootRotationEnded)


def test_a_rotation_goes_on_under_the_next_leader():
    cluster = Cluster(managers=3, workers=1, seed=1)
    cluster.crash("worker-1")
    cluster.docker("swarm ca --rotate -d")
    cluster.run_for(5)
    cluster.crash(cluster.leader)
    cluster.restart("worker-1")
    cluster.run_for(40)
    cluster.restart("manager-1")
    cluster.run_for(60)
    assert facts(cluster, RootRotationEnded) and set(tls(cluster, cluster.leader).values()) == {"Ready"}


def test_a_node_that_missed_the_end_of_a_rotation_finds_the_root_that_has_signed_its_own_certificate():
    """Source: swarmkit ca/certificates.go (updateRootThenUpdateCert)."""
    cluster = Cluster(managers=3, workers=1, seed=1)
    cluster.docker("swarm ca --rotate -d")
    assert cluster.run_until(lambda it: facts(it, RootRotationEnded))
    others = [name for name in cluster.computers if name.startswith("manager")]
    for cut in ("worker-1", "manager-3"):  # they have new certificates, and trust the old root
        cluster.partition([cut], [name for name in (*others, "worker-1") if name != cut])
    cluster.docker("swarm ca --rotate -d")
    cluster.run_for(10)
    assert tls(cluster)["worker-1"] == "Needs Rotation"
    cluster.heal()
    cluster.run_for(30)
    assert len(facts(cluster, RootRotationEnded)) == 2 and set(tls(cluster).values()) == {"Ready"}
    assert {cluster.papers(name).root for name in (*others, "worker-1")} == {root_of(cluster)}
    assert {fact.reason for _, fact in facts(cluster, ConnectionRefused)} == {certificates.UNKNOWN_AUTHORITY}
    trusted = {who: fact.root for who, fact in facts(cluster, RootTrusted)}
    assert set(trusted.values()) == {certificates.key_id(certificates.read(root_of(cluster)).key)} and len(trusted) == 4


def test_a_root_that_has_not_signed_the_own_certificate_is_not_trusted_whoever_sends_it():
    cluster = Cluster(managers=1, workers=1, seed=1)
    papers, strange = cluster.papers("worker-1"), signing.new_root(7, 7, 0)
    for message in (TrustRoot(strange), RootCertificate(strange)):
        cluster.machines["worker-1"].arrive(("engine", Received("manager-1", message)))
    cluster.run_for(5)
    assert cluster.papers("worker-1") == papers


def test_a_rotation_that_takes_the_place_of_another_does_not_end_with_it():
    """Two that follow each other closely: every node needs a certificate of the second one's root."""
    cluster = Cluster(managers=1, seed=1)
    cluster.docker("swarm ca --rotate -d")
    store, dice = cluster._core("manager-1", "manager").store, Random(1)
    assert ca.finish(store, signing.new_root(7, 7, 0), dice) == []
    assert [put.object.rotation for put in ca.finish(store, store.cluster.rotation.root, dice)] == [None]


def test_a_removed_node_is_refused_and_the_trace_says_why():
    """§15: until its certificate is past, and seven days more; who joins anew is another node."""
    cluster = Cluster(managers=1, workers=1, seed=1)
    node = cluster.papers("worker-1").says.node
    cluster.docker("node rm --force worker-1")
    cluster.run_for(20)
    assert [(who, fact.other) for who, fact in facts(cluster, ConnectionRefused)] == [("manager-1", "worker-1")]
    assert facts(cluster, ConnectionRefused)[0][1].reason == f"Permission denied: node {node} was removed from swarm"
    ((id, until),) = cluster.store.cluster.removed
    assert (id, until) == (node, cluster.papers("worker-1").says.ends + 7 * certificates.DAY)
    cluster.restart("worker-1")
    cluster.run_for(20)
    assert all(node.state != "ready" or node.spec.role == "manager" for node in cluster.nodes)
    cluster.docker("swarm leave", "worker-1")
    token = cluster.docker("swarm join-token -q worker").stdout.strip()
    assert cluster.docker(f"swarm join --token {token} {ADDRESS}", "worker-1").exit_code == 0


def test_certificates_are_renewed_before_they_expire():
    """§15, with the shortest life, one hour: between half and four fifths of it."""
    cluster = short_lived()
    cluster.run_for(3600)
    issued = facts(cluster, CertificateIssued)
    for name in ("node-1", "node-2", "node-3"):
        assert sum(who == name and fact.why == "expiry" for who, fact in issued) >= 1
    assert not facts(cluster, ConnectionRefused) and {node.state for node in cluster.nodes} == {"ready"}


def test_who_was_away_for_too_long_is_refused_and_tries_again_and_again():
    """§15: an expired but known node tries to renew at once; whom its certificate does not convince refuses."""
    cluster = short_lived()
    cluster.partition({"node-2"}, {"node-1"})
    cluster.run_for(3700)
    cluster.heal()
    since = cluster.now
    cluster.run_for(60)
    reasons = {fact.reason for who, fact in facts(cluster, ConnectionRefused, since) if who == "node-1"}
    assert len(reasons) == 1 and reasons.pop().startswith(
        "x509: certificate has expired or is not yet valid: it is after"
    )
    assert {node.hostname: node.state for node in cluster.nodes}["node-2"] == "down"


def test_who_does_not_renew_is_heard_until_its_certificate_expires_and_no_longer():
    """Whatever was judged before: each message needs a certificate that is valid now."""
    cluster = short_lived()
    cluster._core("node-2", "engine").swarm.expiry_at = NEVER
    cluster.machines["node-2"].look_again("engine")
    ends = cluster.papers("node-2").says.ends
    cluster.run_for((ends - cluster.kernel.now) / 1e6 + 60)
    begun = [r.time for r in cluster.trace.records if type(r.fact) is ConnectionRefused and "expired" in r.fact.reason]
    assert begun and ends < begun[0] < ends + 15_000_000
    assert {node.hostname: node.state for node in cluster.nodes}["node-2"] == "down"


def test_a_certificate_of_the_same_root_for_another_swarm_is_refused():
    cluster = Cluster(managers=1, workers=1, seed=1)
    papers, stored = cluster.papers("worker-1"), cluster.store.cluster
    subject = signing.Subject(papers.says.node, "worker", "another")
    forged = signing.issue(signing.request(papers.key), subject, stored.root, stored.root_key, 7, 0, certificates.DAY)
    cluster.machines["worker-1"].disk("engine").values["papers"] = papers._replace(certificate=forged)
    assert cluster.guard.refuses("worker-1", "manager-1", "manager", object())
    ((_, fact),) = facts(cluster, ConnectionRefused)
    assert fact.reason.startswith("Permission denied: remote certificate not part of organization: ")


def test_a_clock_that_runs_fast_sees_expired_certificates():
    cluster = short_lived()
    cluster.drift("node-2", 100)
    cluster.run_for(40)
    cluster.drift("node-2", 1)
    since = cluster.now
    cluster.run_for(30)
    assert {who for who, fact in facts(cluster, ConnectionRefused, since) if "expired" in fact.reason} <= {"node-2"}
    assert any(who == "node-2" and "expired" in fact.reason for who, fact in facts(cluster, ConnectionRefused))


def test_force_new_cluster_keeps_the_root():
    cluster = Cluster(managers=3, workers=1, seed=1)
    root = root_of(cluster)
    cluster.crash("manager-2")
    cluster.crash("manager-3")
    cluster.docker("swarm init --force-new-cluster", "manager-1")
    cluster.run_for(20)
    assert root_of(cluster) == root and not facts(cluster, ConnectionRefused)
    assert {n.state for n in cluster.nodes if n.hostname == "worker-1"} == {"ready"}


def test_the_token_of_another_swarm_is_refused_before_anything_is_shown():
    cluster = Cluster(machines=3, seed=3)
    cluster.docker("swarm init", "node-1")
    cluster.docker("swarm init", "node-2")
    token = cluster.docker("swarm join-token -q worker", "node-1").stdout.strip()
    said = cluster.docker(f"swarm join --token {token} 192.168.50.101:2377", "node-3").stderr
    named = tokens.fingerprint(tokens.parts(token).digest)
    assert said == f"Error response from daemon: remote CA does not match fingerprint. Expected: {named}\n"


def test_without_the_guard_a_removed_node_is_heard(monkeypatch):
    """A planted bug: a manager that looks at no list. What the tests above see is the guard's work."""
    from swarmlab.guard import Guard

    monkeypatch.setattr(Guard, "refuses", lambda self, *message: False)
    cluster = Cluster(managers=1, workers=1, seed=1)
    cluster.docker("node rm --force worker-1")
    cluster.run_for(20)
    assert not facts(cluster, ConnectionRefused)


def test_the_role_in_the_certificate_decides_who_may_be_what():
    """Managers alone speak raft and serve; a manager that asked for logs takes them from any node."""
    cluster = Cluster(managers=2, workers=2, seed=1)
    one, two, worker, other = "manager-1", "manager-2", "worker-1", "worker-2"
    for channel, allowed in (
        ("raft", {(one, two)}),
        ("manager", {(one, two), (worker, one)}),
        ("engine", {(one, two), (worker, one), (one, worker)}),
        ("agent", {(one, two), (one, worker)}),
    ):
        pairs = ((one, two), (worker, one), (one, worker), (worker, other))
        heard = {pair for pair in pairs if not cluster.guard.refuses(*pair, channel, object())}
        assert heard == allowed, channel


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_channel_of_port_2377_is_guarded(channel):
    cluster = Cluster(managers=1, workers=1, seed=1)
    assert cluster.network.ports[channel] == "2377/tcp" and channel in cluster.network.guarded
    assert cluster.guard.refuses("client", "manager-1", channel, object())


def test_no_key_and_no_secret_is_in_the_trace_in_a_repr_or_in_what_docker_shows():
    cluster = Cluster(managers=1, workers=1, seed=1)
    cluster.docker("secret create pw -", files={"-": "a very secret text"})
    cluster.docker("service create -d --name web --mode global --secret pw nginx")
    cluster.docker("swarm update --autolock=true")
    key = cluster.docker("swarm unlock-key -q").stdout.strip()
    cluster.run_for(10)
    cluster.docker("swarm ca --rotate -d")
    task = cluster.docker("ps -q --filter name=web", "worker-1").stdout.split()[0]
    assert cluster.docker(f"exec {task} cat /run/secrets/pw", "worker-1").stdout == "a very secret text"
    manager, stored = cluster.machines["manager-1"], cluster.store.cluster
    file = manager.disk("engine").values["keyfile"]
    seen = [
        *cluster.trace.records,
        *cluster.trace.messages,
        stored,
        stored.rotation,
        file,
        manager.disk("engine").values,
    ]
    seen += [cluster.papers("worker-1"), *cluster.store.all("secret"), *cluster.nodes, cluster.where_is("pw"), cluster]
    seen += [
        cluster.docker(c) for c in ("secret inspect pw", "service inspect web", "node inspect self", "info", "swarm ca")
    ]
    seen += [
        cluster.docker(f"inspect {task}", "worker-1"),
        cluster.steal("manager-1"),
        manager.seats["engine"].core.lock.keys,
    ]
    seeds = [cluster.papers(name).key for name in ("manager-1", "worker-1")] + [stored.root_key, stored.rotation.key]
    for hidden in ("a very secret text", key, *map(str, seeds), repr(file.seals)[2:-1]):
        assert [one for one in seen if hidden in repr(one)] == []


def test_who_boots_knows_nothing_of_removed_nodes_until_it_has_read_its_log():
    """A locked manager has nothing to say about anybody."""
    cluster = Cluster(managers=3, workers=1, seed=1)
    cluster.docker("swarm update --autolock=true")
    cluster.docker("node rm --force worker-1")
    cluster.run_for(5)
    cluster.restart("manager-3")
    since = cluster.now
    cluster.run_for(60)
    assert {who for who, _ in facts(cluster, ConnectionRefused, since)} <= {"manager-1", "manager-2"}


def test_power_that_goes_while_a_node_leaves_makes_no_exception_for_it():
    """Whatever was agreed on before the boot is judged anew, by the papers that are on the disk."""
    left, begun = 0, Cluster(managers=1, workers=1, seed=1)
    for midway in range(8):
        cluster = begun.fork()
        cluster.crash("worker-1", midway=midway)
        cluster.docker("swarm leave", "worker-1", limit=2)
        cluster.run_for(1)
        cluster.restart("worker-1")
        if cluster.papers("worker-1") is None:
            left += 1
            assert not any("worker-1" in pair for pair in cluster.guard.passes)
    assert left


def test_a_worker_that_was_off_until_its_certificate_expired_says_so_and_can_join_anew():
    """[moby daemon/cluster/errors.go, errSwarmCertificatesExpired]"""
    cluster = Cluster(managers=1, workers=1, seed=12, messages=False)
    cluster.docker("swarm update --cert-expiry 1h")
    cluster.docker("swarm ca --rotate -q")
    cluster.run_for(10)
    cluster.crash("worker-1")
    cluster.run_for(7200)
    for _ in range(2):  # and it says so at each boot
        cluster.restart("worker-1")
        cluster.run_for(20)
        text = "Swarm certificates have expired. To replace them, leave the swarm and join again."
        told = cluster.docker("info --format '{{.Swarm.LocalNodeState}}: {{.Swarm.Error}}'", "worker-1").stdout
        assert told == f"error: {text}\n"
        assert text in cluster.docker("node ls", "worker-1").stderr
    assert "it is after" in cluster.trace.of(SwarmNotStarted)[-1].fact.reason
    assert cluster.docker("node ls --format '{{.Status}}' --filter name=worker-1").stdout == "Down\n"
    cluster.docker("swarm leave", "worker-1")
    token = cluster.docker("swarm join-token -q worker").stdout.strip()
    assert cluster.docker(f"swarm join --token {token} 192.168.50.100:2377", "worker-1").exit_code == 0
    cluster.run_for(10)
    assert (
        cluster.docker("info --format '{{.Swarm.LocalNodeState}}:{{.Swarm.Error}}'", "worker-1").stdout == "active:\n"
    )
