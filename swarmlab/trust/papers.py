"""What a node has to show, and whom it believes: the files in `/var/lib/docker/swarm/certificates`.

Source: swarmkit ca/config.go, ca/keyreadwriter.go, ca/renewer.go.
"""

from typing import NamedTuple

from ..effects import Dice
from ..objects import TlsInfo
from .certificates import MINUTE, Certificate, describe, is_signed_by, problem, public_key, read

KEY_BITS, SERIAL_BITS = 256, 159  # a serial number of 20 bytes that is above zero
EARLIEST, LATEST = 5, 8  # tenths of its life after which a certificate is renewed


class Papers(NamedTuple):
    """A node's certificate with its key, and the root that it trusts."""

    key: int  # the seed of the private key: swarm-node.key
    certificate: bytes  # swarm-node.crt
    root: bytes  # swarm-root-ca.crt
    others: tuple[
        bytes, ...
    ] = ()  # that come along with the certificate: in a rotation the new root, signed by the old

    @property
    def says(self) -> Certificate:
        """What stands in the certificate."""
        return read(self.certificate)

    @property
    def tls(self) -> TlsInfo:
        """What the node tells the managers of them."""
        return tls_info(self.certificate, self.others, self.root)

    def problem(self, now: int) -> str:
        """Why nobody would accept them now, '' if they are in order."""
        if self.says.key != public_key(self.key):
            return "tls: private key does not match public key"
        return problem(self.certificate, self.others, (self.root,), now)

    def rows(self) -> list[tuple[str, str]]:
        """The certificate opened up."""
        return describe(self.certificate, (*self.others, self.root))


def tls_info(certificate: bytes, others: tuple[bytes, ...], root: bytes) -> TlsInfo:
    """The root that is trusted, and who signed the certificate."""
    signer = next((one for one in (*others, root) if is_signed_by(certificate, one)), root)
    return TlsInfo(root, read(signer).subject, read(signer).key)


def new_key(dice: Dice) -> int:
    """The seed of a key pair."""
    return dice.getrandbits(KEY_BITS)


def new_serial(dice: Dice) -> int:
    """A serial number, never zero."""
    return dice.getrandbits(SERIAL_BITS) | 1


def renew_at(certificate: bytes, dice: Dice) -> int:
    """When to ask for the next one: a whole minute between half and four fifths of its life, so that not all ask at once."""
    says = read(certificate)
    minutes = (says.ends - says.begins) // MINUTE
    least, most = minutes * EARLIEST // 10, minutes * LATEST // 10
    return says.begins + (least + int(dice.random() * max(most - least, 1))) * MINUTE
