"""Keys, certificates and tokens: what SwarmKit puts into them, and who accepts them [swarm.md §15]."""

from hashlib import sha256
from random import Random

import pytest

from swarmlab.effects import SECOND
from swarmlab.objects import Cluster
from swarmlab.trust import certificates, papers, signing, tokens
from swarmlab.trust.certificates import DAY, HOUR, MINUTE
from swarmlab.trust.signing import Subject

KEY, NODE_KEY = 5, 6
ROOT = signing.new_root(KEY, 77, 0)
NEXT = signing.new_root(9, 78, HOUR)
CROSS = signing.cross_sign(NEXT, ROOT, KEY)


def issued(role="worker", now=0, lifetime=90 * DAY, root=ROOT, key=KEY):
    return signing.issue(signing.request(NODE_KEY), Subject("node1", role, "swarm1"), root, key, 3, now, lifetime)


def test_the_root_is_swarm_ca_for_twenty_years_and_signs_itself():
    """§15; dated back five minutes from the whole minute, as recorded in transcript 01."""
    says = certificates.read(ROOT)
    assert (says.node, says.issuer, says.is_ca, says.begins) == ("swarm-ca", "swarm-ca", True, -5 * MINUTE)
    assert says.ends - says.begins == 20 * 365 * DAY
    assert certificates.is_signed_by(ROOT, ROOT)
    assert says.subject.hex() == "3013311130 0f0603550403130873776172 6d2d6361".replace(" ", "")  # transcript 01


@pytest.mark.parametrize(("role", "names"), [("manager", 3), ("worker", 2)])
def test_a_node_certificate_names_node_role_and_swarm(role, names):
    """§15: CN is the node, OU its role, O the swarm; 90 days, dated back one hour."""
    says = certificates.read(issued(role))
    assert (says.node, says.role, says.cluster, says.issuer) == ("node1", role, "swarm1", "swarm-ca")
    assert (says.begins, says.ends) == (-HOUR, 90 * DAY)
    assert says.names[:2] == (f"swarm-{role}", "node1") and len(says.names) == names and not says.is_ca
    assert says.key == certificates.public_key(NODE_KEY)


def test_the_same_bytes_every_time():
    """Keys follow from seeds, signatures from keys: on every Python version."""
    found = sha256(ROOT + CROSS + issued() + signing.request(NODE_KEY)).hexdigest()
    assert found == "4b15aa8ccf45791e21f329dbfbc62ac66e55d08a944e672ce3fe3f5c4dfca663"


def test_who_accepts_a_certificate_and_when():
    one = issued()
    assert certificates.problem(one, (), (ROOT,), 89 * DAY) == ""
    assert certificates.problem(one, (), (NEXT,), DAY) == certificates.UNKNOWN_AUTHORITY
    assert certificates.problem(one, (), (ROOT,), 90 * DAY + 1).startswith(certificates.EXPIRED)
    assert certificates.problem(one, (), (ROOT,), -2 * HOUR).endswith("it is before 2025-12-31T23:00:00Z")
    assert certificates.problem(b"nonsense", (), (ROOT,), 0) == certificates.UNKNOWN_AUTHORITY


def test_what_the_new_root_signs_is_accepted_by_who_trusts_the_old_one():
    """§15: the new root is cross-signed by the old. A certificate of the old one does not lead to the new."""
    new = issued(now=2 * HOUR, root=NEXT, key=9)
    assert certificates.problem(new, (), (ROOT,), 2 * HOUR) == certificates.UNKNOWN_AUTHORITY
    assert certificates.path(new, (CROSS,), (ROOT,)) == (new, CROSS, ROOT)
    assert certificates.problem(new, (CROSS,), (NEXT,), 2 * HOUR) == ""
    assert not certificates.path(issued(), (CROSS,), (NEXT,))


def test_a_certificate_that_was_changed_is_accepted_by_nobody():
    """A planted bug is caught: one bit of the signature."""
    one = issued()
    forged = one[:-1] + bytes([one[-1] ^ 1])
    assert certificates.path(one, (), (ROOT,)) and not certificates.path(forged, (), (ROOT,))


def test_a_node_cannot_sign_for_others():
    node = issued("manager")
    fake = signing.issue(signing.request(8), Subject("x", "manager", "swarm1"), node, NODE_KEY, 1, 0, DAY)
    assert not certificates.path(fake, (node,), (ROOT,))


def test_a_request_proves_that_one_has_the_key():
    csr = signing.request(NODE_KEY)
    assert signing.requested_key(csr) == certificates.public_key(NODE_KEY)
    assert signing.requested_key(csr[:-1] + bytes([csr[-1] ^ 1])) == signing.requested_key(b"") == b""


def test_renewal_falls_between_half_and_four_fifths_of_the_life():
    """§15; whole minutes, and not the same for all."""
    one, dice = issued(), Random(1)
    says, times = certificates.read(one), [papers.renew_at(one, dice) for _ in range(500)]
    life = says.ends - says.begins
    assert all(life * 0.5 - MINUTE <= at - says.begins <= life * 0.8 for at in times)
    assert max(times) - min(times) > life * 0.29 and all((at - says.begins) % MINUTE == 0 for at in times)


def test_papers_are_in_order_only_with_their_key():
    good = papers.Papers(NODE_KEY, issued(), ROOT)
    assert good.problem(DAY) == "" and good._replace(key=7).problem(DAY) == papers.WRONG_KEY
    assert good.tls == papers.wanted(Cluster("c", root=ROOT))


def test_a_token_names_the_root_by_what_docker_swarm_ca_prints():
    """§15: SHA-256 in base 36, 50 characters."""
    digest = tokens.digest(ROOT)
    assert tokens.fingerprint(digest) == sha256(certificates.pem(ROOT).encode()).hexdigest()
    shown = tokens.token(digest, tokens.new_secret(Random(1)))
    assert tokens.parts(shown) == (1, digest, shown[-25:]) and len(digest) == 50


@pytest.mark.parametrize("shown", ["", "bogus", "SWMTKN-1-x-y", "SWMTKN-2-1-" + "0" * 50 + "-" + "0" * 25])
def test_what_is_no_token_has_no_parts(shown):
    assert tokens.parts(shown) is None


def test_a_certificate_opened_up():
    rows = dict(certificates.describe(certificates.pem(issued()), (ROOT,)))
    assert (rows["subject CN"], rows["subject OU"], rows["valid until"]) == (
        "node1", "swarm-worker", "2026-04-01T00:00:00Z",
    )  # fmt: skip
    assert rows["signature ok"] == "yes, by one of 1 roots"
    assert dict(certificates.describe(ROOT))["signature ok"] == "yes, by itself"
    assert dict(certificates.describe(issued(), (NEXT,)))["signature ok"].startswith("no")


def test_dates_have_whole_seconds():
    assert certificates.date(90 * SECOND + 1) == "2026-01-01T00:01:30Z"
