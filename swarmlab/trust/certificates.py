"""Keys and certificates as SwarmKit has them, ECDSA on P-256: what stands in them, and whether one is to be believed.

A certificate says who a node is: its id (CN), its role (OU), its swarm (O). Everything here is a plain function of
plain values: a key follows from its seed. Certificates are bytes (DER); how they are made stands in `signing`. The
package `cryptography` does the work, imported at first use. Source: swarmkit ca/certificates.go, ca/config.go; RFC 5280.
"""

from base64 import b64encode
from functools import lru_cache
from typing import Any, NamedTuple

from ..effects import SECOND

BEGINNING = 1_767_225_600  # seconds since 1970 at virtual time 0: 2026-01-01
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
DAY = 24 * HOUR
ROOT_NAME = "swarm-ca"
ROLES = {"manager": "swarm-manager", "worker": "swarm-worker"}
WORDS = {word: role for role, word in ROLES.items()}

remembered = lru_cache(
    maxsize=4096
)  # for what is asked again and again of the same bytes: as many as a swarm has nodes

EXPIRED = "x509: certificate has expired or is not yet valid"
UNKNOWN_AUTHORITY = "x509: certificate signed by unknown authority"


class Certificate(NamedTuple):
    """What stands in a certificate."""

    node: str  # CN: the node's id; swarm-ca in a root
    role: str  # OU: manager or worker; '' in a root
    cluster: str  # O: the swarm's id; '' in a root
    issuer: str  # CN of who signed it
    serial: int
    begins: int  # µs of virtual time
    ends: int
    key: bytes  # the public key, as SubjectPublicKeyInfo
    subject: bytes  # the whole subject, DER
    issuer_subject: bytes
    names: tuple[str, ...]  # other names that it is good for
    is_ca: bool


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@remembered
def private_key(seed: int) -> Any:
    """The private key that follows from 256 drawn bits."""
    from cryptography.hazmat.primitives.asymmetric import ec

    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    return ec.derive_private_key(1 + seed % (order - 1), ec.SECP256R1())


@remembered
def public_key(seed: int) -> bytes:
    """The public half of it, as SubjectPublicKeyInfo."""
    return spki(private_key(seed).public_key())


def key_id(key: bytes) -> str:
    """The name of a public key, as certificates give it for their own key and for that of who signed [RFC 5280, 4.2.1.2]."""
    from hashlib import sha1

    return sha1(key[-65:]).hexdigest()


def spki(key: Any) -> bytes:
    """A public key in its usual wrapping, SubjectPublicKeyInfo."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# ── reading and checking them ────────────────────────────────────────────────────────────────────────────────────


@remembered
def read(certificate: bytes) -> Certificate:
    """What stands in a certificate. Raises ValueError if it is none."""
    found = load(certificate)
    subject = _texts(found.subject)
    return Certificate(
        node=subject.get("2.5.4.3", ""),
        role=WORDS.get(subject.get("2.5.4.11", ""), ""),
        cluster=subject.get("2.5.4.10", ""),
        issuer=_texts(found.issuer).get("2.5.4.3", ""),
        serial=found.serial_number,
        begins=_micros(found.not_valid_before_utc),
        ends=_micros(found.not_valid_after_utc),
        key=spki(found.public_key()),
        subject=found.subject.public_bytes(),
        issuer_subject=found.issuer.public_bytes(),
        names=_names(found),
        is_ca=_is_ca(found),
    )


@remembered
def is_signed_by(certificate: bytes, issuer: bytes) -> bool:
    """Whether the owner of the other certificate has signed this one. The times are not looked at."""
    from cryptography.exceptions import InvalidSignature

    try:
        load(certificate).verify_directly_issued_by(load(issuer))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return read(issuer).is_ca


@remembered
def path(certificate: bytes, others: tuple[bytes, ...], roots: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The certificates from this one to a root that is trusted; () if no way leads there. `others` come along with it."""
    for root in roots:
        if is_signed_by(certificate, root):
            return certificate, root
    for other in others:
        if is_signed_by(certificate, other):
            rest = path(other, tuple(one for one in others if one != other), roots)
            if rest:
                return certificate, *rest
    return ()


def problem(certificate: bytes, others: tuple[bytes, ...], roots: tuple[bytes, ...], now: int) -> str:
    """Why somebody who trusts these roots, and whose clock shows `now`, does not accept it; '' if they do."""
    way = path(certificate, others, roots)
    if not way:
        return UNKNOWN_AUTHORITY
    for one in map(read, way):
        if now > one.ends:
            return f"{EXPIRED}: it is after {date(one.ends)}"
        if now < one.begins:
            return f"{EXPIRED}: it is before {date(one.begins)}"
    return ""


def pem(certificate: bytes) -> str:
    """As text, as `docker swarm ca` prints it."""
    text = b64encode(certificate).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def date(at: int) -> str:
    """µs of virtual time as certificates have them, to the second: 2026-01-01T00:00:00Z."""
    return f"{day(at):%Y-%m-%dT%H:%M:%SZ}"


def describe(certificate: bytes | str, roots: tuple[bytes, ...] = ()) -> list[tuple[str, str]]:
    """A certificate opened up: rows of (what, value). With roots it also says whether it leads to one of them."""
    der = from_pem(certificate) if isinstance(certificate, str) else certificate
    one = read(der)
    way = f"{'yes' if path(der, (), roots) else 'no'}, by one of {len(roots)} roots" if roots else ""
    own = "yes, by itself" if is_signed_by(der, der) else ""
    rows = [
        ("subject CN", one.node),
        ("subject OU", ROLES.get(one.role, "")),
        ("subject O", one.cluster),
        ("issuer CN", one.issuer),
        ("serial", f"{one.serial:040x}"),
        ("valid from", date(one.begins)),
        ("valid until", date(one.ends)),
        ("public key", f"ECDSA P-256, key id {key_id(one.key)}"),
        ("other names", ", ".join(one.names)),
        ("may sign others", "yes" if one.is_ca else "no"),
        ("signature ok", way or own or "not checked: no root given"),
    ]
    return [row for row in rows if row[1]]


def from_pem(text: str) -> bytes:
    """The bytes of a certificate that is given as text. Raises ValueError."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_pem_x509_certificate(text.encode()).public_bytes(Encoding.DER)


@remembered
def load(certificate: bytes) -> Any:
    """The library's own object."""
    from cryptography import x509

    return x509.load_der_x509_certificate(certificate)


def _texts(name: Any) -> dict[str, str]:
    return {attribute.oid.dotted_string: attribute.value for attribute in name}


def _names(found: Any) -> tuple[str, ...]:
    from cryptography import x509

    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(extension.value.get_values_for_type(x509.DNSName))


def _is_ca(found: Any) -> bool:
    from cryptography import x509

    try:
        return bool(found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


# ── dates ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def day(at: int) -> Any:
    """µs of virtual time as a date; X.509 knows whole seconds."""
    from datetime import UTC, datetime, timedelta

    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=BEGINNING + at // SECOND)


def _micros(day: Any) -> int:
    return (int(day.timestamp()) - BEGINNING) * SECOND
