"""Keys and certificates as SwarmKit makes them: ECDSA on P-256, a root that signs itself, and what it signs for nodes.

A certificate says who a node is: its id (CN), its role (OU), its swarm (O). Everything here is a plain function of
plain values: a key follows from its seed, and signatures are deterministic, so that a run can be repeated. Certificates
are bytes (DER). The package `cryptography` does the work, imported at first use. Source: swarmkit ca/certificates.go,
ca/config.go; cfssl signer/signer.go (FillTemplate); RFC 5280, RFC 6979.
"""

from base64 import b64encode
from functools import cache
from typing import Any, NamedTuple

from ..effects import SECOND

BEGINNING = 1_767_225_600  # seconds since 1970 at virtual time 0: 2026-01-01
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
DAY = 24 * HOUR
ROOT_LIFETIME = 20 * 365 * DAY
ROOT_BACKDATE = 5 * MINUTE
NODE_BACKDATE = HOUR  # so that a clock that lags a little does not refuse what was just signed
ROOT_NAME = "swarm-ca"
ROLES = {"manager": "swarm-manager", "worker": "swarm-worker"}
WORDS = {word: role for role, word in ROLES.items()}

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


@cache
def private_key(seed: int) -> Any:
    """The private key that follows from 256 drawn bits."""
    from cryptography.hazmat.primitives.asymmetric import ec

    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    return ec.derive_private_key(1 + seed % (order - 1), ec.SECP256R1())


@cache
def public_key(seed: int) -> bytes:
    """The public half of it, as SubjectPublicKeyInfo."""
    return _spki(private_key(seed).public_key())


@cache
def key_pem(seed: int) -> bytes:
    """The private key as the file `swarm-node.key` has it."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return private_key(seed).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_id(key: bytes) -> str:
    """The name of a public key, as certificates give it for their own key and for that of who signed [RFC 5280, 4.2.1.2]."""
    from hashlib import sha1

    return sha1(key[-65:]).hexdigest()


def _spki(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# ── making them ──────────────────────────────────────────────────────────────────────────────────────────────────


def new_root(seed: int, serial: int, now: int) -> bytes:
    """A root certificate, signed by itself."""
    from cryptography import x509

    key = private_key(seed)
    name = _name(ROOT_NAME)
    begins = _minute(now) - ROOT_BACKDATE
    builder = _builder(name, name, key.public_key(), serial, begins, begins + ROOT_LIFETIME)
    for extension, critical in _for_root(key.public_key()):
        builder = builder.add_extension(extension, critical)
    assert isinstance(builder, x509.CertificateBuilder)
    return _signed(builder, seed)


def cross_sign(root: bytes, signer: bytes, seed: int) -> bytes:
    """The same root once more, signed by another one: who trusts that one can trust this one as well."""
    new, old = _load(root), _load(signer)
    builder = _builder(
        new.subject, old.subject, new.public_key(), new.serial_number, read(root).begins, read(root).ends
    )
    for extension in new.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return _signed(builder, seed)


def request(seed: int) -> bytes:
    """A signing request (CSR): the public key, and the proof that one has the other half. Who asks is for others to say."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = builder.sign(private_key(seed), SHA256(), ecdsa_deterministic=True)
    return signed.public_bytes(Encoding.DER)


@cache
def requested_key(csr: bytes) -> bytes:
    """The public key that a signing request names; b"" if its signature is wrong, or it is none at all."""
    from cryptography import x509

    try:
        asked = x509.load_der_x509_csr(csr)
    except ValueError:
        return b""
    return _spki(asked.public_key()) if asked.is_signature_valid else b""


def serial(*parts: object) -> int:
    """A number of up to 20 bytes. SwarmKit draws them; ours follow from what is signed, and when."""
    from hashlib import sha256

    return int.from_bytes(sha256(repr(parts).encode()).digest()[:20], "big") >> 1 | 1


class Subject(NamedTuple):
    """Whom a certificate is for."""

    node: str
    role: str  # manager · worker
    cluster: str


def issue(csr: bytes, subject: Subject, signer: bytes, seed: int, serial: int, now: int, lifetime: int) -> bytes:
    """A node certificate for the key in this request. What the request says of its sender counts for nothing."""
    from cryptography import x509

    key, old = x509.load_der_x509_csr(csr).public_key(), _load(signer)
    begins = _minute(now) - NODE_BACKDATE
    name = _name(subject.node, ROLES[subject.role], subject.cluster)
    builder = _builder(name, old.subject, key, serial, begins, begins + lifetime + NODE_BACKDATE)
    for extension, critical in _for_node(subject, key, old.public_key()):
        builder = builder.add_extension(extension, critical)
    return _signed(builder, seed)


def _name(common: str, unit: str = "", organisation: str = "") -> Any:
    from cryptography import x509
    from cryptography.x509.name import _ASN1Type
    from cryptography.x509.oid import NameOID

    pairs = ((NameOID.ORGANIZATION_NAME, organisation), (NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    named = [*pairs, (NameOID.COMMON_NAME, common)]
    plain = _ASN1Type.PrintableString  # as Go spells what needs no more: this side's own choice would be UTF-8
    return x509.Name([x509.NameAttribute(kind, text, plain) for kind, text in named if text])


def _builder(subject: Any, issuer: Any, key: Any, serial: int, begins: int, ends: int) -> Any:
    from cryptography import x509

    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key).serial_number(serial)
    return builder.not_valid_before(_day(begins)).not_valid_after(_day(ends))


def _signed(builder: Any, seed: int) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    return builder.sign(private_key(seed), SHA256(), ecdsa_deterministic=True).public_bytes(Encoding.DER)


def _for_root(key: Any) -> list:
    """What a root may do, and whether one has to understand that."""
    from cryptography import x509

    usage = _usage(key_cert_sign=True, crl_sign=True)
    mark = x509.SubjectKeyIdentifier.from_public_key(key)
    return [(usage, True), (x509.BasicConstraints(ca=True, path_length=None), True), (mark, False)]


def _for_node(subject: Subject, key: Any, signer: Any) -> list:
    """What a node's certificate is good for. A manager's is also good for the name of the CA, for it signs."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    ca = [ROOT_NAME] if subject.role == "manager" else []
    names = [x509.DNSName(name) for name in (ROLES[subject.role], subject.node, *ca)]
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return [
        (_usage(digital_signature=True, key_encipherment=True), True),
        (x509.ExtendedKeyUsage(both), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), False),
        (x509.SubjectAlternativeName(names), False),
    ]


def _usage(**allowed: bool) -> Any:
    from cryptography import x509

    names = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign crl_sign "
        "encipher_only decipher_only"
    )
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names.split()})


# ── reading and checking them ────────────────────────────────────────────────────────────────────────────────────


@cache
def read(certificate: bytes) -> Certificate:
    """What stands in a certificate. Raises ValueError if it is none."""
    found = _load(certificate)
    subject = _texts(found.subject)
    return Certificate(
        node=subject.get("2.5.4.3", ""),
        role=WORDS.get(subject.get("2.5.4.11", ""), ""),
        cluster=subject.get("2.5.4.10", ""),
        issuer=_texts(found.issuer).get("2.5.4.3", ""),
        serial=found.serial_number,
        begins=_micros(found.not_valid_before_utc),
        ends=_micros(found.not_valid_after_utc),
        key=_spki(found.public_key()),
        subject=found.subject.public_bytes(),
        issuer_subject=found.issuer.public_bytes(),
        names=_names(found),
        is_ca=_is_ca(found),
    )


@cache
def is_signed_by(certificate: bytes, issuer: bytes) -> bool:
    """Whether the owner of the other certificate has signed this one. The times are not looked at."""
    from cryptography.exceptions import InvalidSignature

    try:
        _load(certificate).verify_directly_issued_by(_load(issuer))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return read(issuer).is_ca


@cache
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
    return f"{_day(at):%Y-%m-%dT%H:%M:%SZ}"


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


@cache
def _load(certificate: bytes) -> Any:
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


# ── dates: X.509 knows whole seconds, and cfssl rounds to the minute ─────────────────────────────────────────────


def _minute(now: int) -> int:
    return (now + MINUTE // 2) // MINUTE * MINUTE


def _day(at: int) -> Any:
    from datetime import UTC, datetime, timedelta

    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=BEGINNING + at // SECOND)


def _micros(day: Any) -> int:
    return (int(day.timestamp()) - BEGINNING) * SECOND
