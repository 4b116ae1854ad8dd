"""What is signed, as SwarmKit does it: roots, a root once more by another one, requests, and the certificates of nodes.

Signatures are deterministic, so that a run can be repeated. Source: swarmkit ca/certificates.go; cfssl
signer/signer.go (FillTemplate); RFC 2986, RFC 6979.
"""

# Simpler than in reality (docs/simplifications.md): keys-by-dice

from typing import Any, NamedTuple

from .certificates import DAY, HOUR, MINUTE, ROLES, ROOT_NAME, day, load, private_key, read, remembered, spki

ROOT_LIFETIME = 20 * 365 * DAY
ROOT_BACKDATE = 5 * MINUTE
NODE_BACKDATE = HOUR  # so that a clock that lags a little does not refuse what was just signed


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
    new, old = load(root), load(signer)
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


@remembered
def requested_key(csr: bytes) -> bytes:
    """The public key that a signing request names; b"" if its signature is wrong, or it is none at all."""
    from cryptography import x509

    try:
        asked = x509.load_der_x509_csr(csr)
    except ValueError:
        return b""
    return spki(asked.public_key()) if asked.is_signature_valid else b""


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

    key, old = x509.load_der_x509_csr(csr).public_key(), load(signer)
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
    return builder.not_valid_before(day(begins)).not_valid_after(day(ends))


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


def _minute(now: int) -> int:
    """cfssl rounds to the minute."""
    return (now + MINUTE // 2) // MINUTE * MINUTE
