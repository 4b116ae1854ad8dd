"""The key file and what is sealed: right keys open, wrong ones do not [swarm.md §14]."""

import pytest

from swarmlab.trust import keyfile, sealing
from swarmlab.trust.keyfile import KeyFile, Keys
from swarmlab.trust.packing import pack, unpack

KEY, OTHER = bytes(range(32)), bytes(32)
KEYS = Keys(b"a private key", b"d" * 32)


def test_only_the_right_key_opens_what_is_sealed() -> None:
    sealed = sealing.seal(KEY, b"hunter2")
    assert b"hunter2" not in sealed
    assert sealing.unseal(KEY, sealed) == b"hunter2"
    assert sealing.unseal(OTHER, sealed) is None
    assert sealing.unseal(b"short", sealed) is None


def test_a_bit_that_was_changed_is_noticed() -> None:
    sealed = bytearray(sealing.seal(KEY, b"hunter2"))
    sealed[-1] ^= 1
    assert sealing.unseal(KEY, bytes(sealed)) is None
    assert sealing.unseal(KEY, b"") is None


def test_the_same_content_under_the_same_key_is_the_same_bytes() -> None:
    assert sealing.seal(KEY, b"hunter2") == sealing.seal(KEY, b"hunter2") != sealing.seal(OTHER, b"hunter2")


@pytest.mark.parametrize(
    "text", ["", "SWMKEY-1", "SWMKEY-1-wrong", "SWMKEY-2-AAAA", "SWMKEY-1-AA=A", "SWMKEY-1-é", "AAAA"]
)
def test_what_spells_no_unlock_key(text: str) -> None:
    assert sealing.parsed(text) is None


def test_an_unlock_key_has_43_digits_behind_its_prefix() -> None:
    text = sealing.spelled(KEY)
    assert len(text) == len("SWMKEY-1-") + 43
    assert sealing.parsed(text) == KEY


@pytest.mark.parametrize("unlock_key", [b"", KEY])
@pytest.mark.parametrize("keys", [KEYS, Keys(b"of a worker")])
def test_the_file_is_written_and_read_back(keys: Keys, unlock_key: bytes) -> None:
    file = keyfile.written(keys, unlock_key, 7)
    assert keyfile.parsed(keyfile.text(file)) == file._replace(seals=b"")
    assert keyfile.opened(file, unlock_key) == keys


def test_a_sealed_file_shows_neither_key_and_opens_with_nothing_else() -> None:
    file = keyfile.written(KEYS, KEY, 7)
    assert file.sealed and KEYS.tls not in file.tls and file.dek != KEYS.dek
    assert keyfile.opened(file) is None and keyfile.opened(file, OTHER) is None


def test_what_is_no_key_file() -> None:
    assert keyfile.parsed(b"") is None and keyfile.parsed(b"-----BEGIN CERTIFICATE-----\n") is None


def test_objects_come_back_from_their_bytes_as_dictionaries() -> None:
    file = KeyFile(b"\x00\xff", b"", True, 3)
    assert unpack(pack(file)) == {"is": "KeyFile", "tls": b"\x00\xff", "dek": b"", "sealed": True, "version": 3}
    assert unpack(pack([None, -5, {"a": ("b", 1.5)}, {}, "é\udcff"])) == [None, -5, {"a": ["b", "1.5"]}, {}, "é\udcff"]


def test_what_is_as_usual_is_left_out() -> None:
    assert unpack(pack(KeyFile(b"", b""))) == {"is": "KeyFile", "tls": b"", "dek": b""}


def test_a_nonce_is_used_for_one_content_only():
    key = bytes(32)
    nonces = {sealing.seal(key, content)[: sealing.NONCE_BYTES] for content in (b"one", b"two", b"one")}
    assert len(nonces) == 2
