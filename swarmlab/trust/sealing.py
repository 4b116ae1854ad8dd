"""Sealing: bytes that only who has the key can read, and that nobody can change unnoticed.

ChaCha20-Poly1305 stands in for NaCl's secretbox, which SwarmKit uses (XSalsa20-Poly1305, with a longer nonce). The
nonce follows from the key and the content, so that the same disk is the same bytes in every run.
Source: swarmkit `manager/encryption/encryption.go`, `nacl.go`; swarm.md §14.
"""

# Simpler than in reality (docs/simplifications.md): ciphers

from hashlib import sha256

KEY_BYTES, NONCE_BYTES = 32, 12
PREFIX = "SWMKEY-1-"
BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def seal(key: bytes, content: bytes) -> bytes:
    """The content, sealed: a nonce, and what the key makes of it."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # at first use: few disks are sealed

    assert len(key) == KEY_BYTES, "a key has 32 bytes"
    nonce = sha256(key + content).digest()[:NONCE_BYTES]
    return nonce + ChaCha20Poly1305(key).encrypt(nonce, content, None)


def unseal(key: bytes, sealed: bytes) -> bytes | None:
    """The content; None with a wrong key, or if a bit of it was changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    if len(key) != KEY_BYTES:
        return None
    try:
        return ChaCha20Poly1305(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
    except (InvalidTag, ValueError):
        return None


def spelled(key: bytes) -> str:
    """An unlock key as people keep it.

    >>> spelled(bytes(3))
    'SWMKEY-1-AAAA'
    """
    from base64 import b64encode

    return PREFIX + b64encode(key).decode().rstrip("=")


def parsed(text: str) -> bytes | None:
    """The key that a text spells, of whatever length; None if it spells none.

    >>> parsed("SWMKEY-1-AAAA"), parsed("SWMKEY-1-wrong"), parsed("AAAA")
    (b'\\x00\\x00\\x00', None, None)
    """
    from base64 import b64decode

    digits = text.removeprefix(PREFIX)
    if not text.startswith(PREFIX) or len(digits) % 4 == 1 or not BASE64.issuperset(digits):
        return None
    return b64decode(digits + "=" * (-len(digits) % 4))
