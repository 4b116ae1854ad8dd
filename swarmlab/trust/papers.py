"""What a node has to show, and whom it believes: the files in `/var/lib/docker/swarm/certificates`.

Source: swarmkit ca/config.go, ca/keyreadwriter.go, ca/renewer.go.
"""

from functools import cache
from typing import NamedTuple

from ..effects import Dice
from ..objects import Cluster, TlsInfo
from .certificates import MINUTE, Certificate, date, describe, is_signed_by, path, problem, public_key, read

KEY_BITS = 256
WRONG_KEY = "tls: private key does not match public key"
EARLIEST, LATEST = 5, 8  # tenths of its life after which a certificate is renewed


class Papers(NamedTuple):
    """A node's certificate with its key, and the root that it trusts."""

    key: int  # the seed of the private key: swarm-node.key
    certificate: bytes  # swarm-node.crt
    root: bytes  # swarm-root-ca.crt
    others: tuple[bytes, ...] = ()  # come along with it: in a rotation the new root, signed by the old one

    def __repr__(self) -> str:
        says = self.says
        return f"<Papers {says.node}: {says.role}, until {date(says.ends)}>"  # without the key

    @property
    def says(self) -> Certificate:
        """What stands in the certificate."""
        return read(self.certificate)

    @property
    def signer(self) -> bytes:
        """The root that signed the certificate."""
        return signer(self.certificate, self.others, self.root)

    @property
    def tls(self) -> TlsInfo:
        """What the node tells the managers of them."""
        issuer = read(self.signer)
        return TlsInfo(self.root, issuer.subject, issuer.key)

    def problem(self, now: int) -> str:
        """Why nobody would accept them now, '' if they are in order."""
        if reason := problem(self.certificate, self.others, (self.root,), now):
            return reason
        return "" if self.says.key == public_key(self.key) else WRONG_KEY

    def refusal(self, root: bytes, now: int) -> str:
        """Why somebody who trusts this root, and whose clock shows `now`, does not accept them; '' if they do."""
        return problem(self.certificate, self.others, (root,), now)

    def ends(self, root: bytes) -> int:
        """When such a one accepts them no more, µs."""
        return min(read(one).ends for one in path(self.certificate, self.others, (root,)))

    def rows(self) -> list[tuple[str, str]]:
        """The certificate opened up."""
        return describe(self.certificate, (*self.others, self.root))


def wanted(cluster: Cluster) -> TlsInfo | None:
    """What every node is to say of its certificates."""
    return _wanted(cluster.root, cluster.rotation.root if cluster.rotation else cluster.root) if cluster.root else None


@cache
def _wanted(root: bytes, issuer: bytes) -> TlsInfo:
    return TlsInfo(root, read(issuer).subject, read(issuer).key)


def signer(certificate: bytes, others: tuple[bytes, ...], root: bytes) -> bytes:
    """Which of these has signed it."""
    return next((one for one in (*others, root) if is_signed_by(certificate, one)), root)


def new_key(dice: Dice) -> int:
    """The seed of a key pair."""
    return dice.getrandbits(KEY_BITS)


def renew_at(certificate: bytes, dice: Dice) -> int:
    """When to ask for the next one: a whole minute between half and four fifths of its life, so that not all ask at once."""
    says = read(certificate)
    minutes = (says.ends - says.begins) // MINUTE
    least, most = minutes * EARLIEST // 10, minutes * LATEST // 10
    return says.begins + (least + int(dice.random() * max(most - least, 1))) * MINUTE
