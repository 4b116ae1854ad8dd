"""Encrypted networks: ESP as Docker sets it up [networking.md §1.6, §5.2]."""

import sys
from random import Random

import pytest
import tshark
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.overlay import esp, pcap, vxlan
from swarmlab.overlay.conversation import conversation
from swarmlab.overlay.frames import Ethernet, IPv4, Tcp, Udp, container_mac, decode, encode, tunnel

pytest.importorskip("cryptography", reason="encrypted packets need the package cryptography")

HERE, THERE = "192.168.1.10", "192.168.1.11"
KEY, OTHER_KEY = bytes(range(16)), bytes(range(1, 17))
THITHER, BACK = esp.both_ways(HERE, THERE, 7, KEY)
IV = bytes(range(8))


def frame(data=b"", vni=4097):
    """A frame between two containers on its way between their nodes."""
    ethernet = Ethernet(container_mac("10.0.1.4"), container_mac("10.0.1.3"))
    return tunnel(encode((ethernet, IPv4("10.0.1.3", "10.0.1.4", 6), Tcp(40_000, 80)), data), vni, HERE, THERE)


def test_the_spi_is_fnv_1a_over_source_tag_and_target():
    """§1.6: addresses as 16 bytes, the tag with 32 bits; worked out here the long way."""
    data = bytes(10) + b"\xff\xff\xc0\xa8\x01\x0a" + b"\x00\x00\x00\x07" + bytes(10) + b"\xff\xff\xc0\xa8\x01\x0b"
    assert len(data) == 36
    found = 2166136261
    for byte in data:
        found = (found ^ byte) * 16777619 % 2**32
    assert esp.spi(HERE, THERE, 7) == found == THITHER.spi
    assert esp.spi(HERE, THERE, 7 + 2**32) == found  # the tag is cut to 32 bits


def test_fnv_1a_has_its_published_values():
    """Of the empty text and of `a` [draft-eastlake-fnv]."""
    assert esp.OFFSET == 0x811C9DC5
    assert (esp.OFFSET ^ ord("a")) * esp.PRIME % 2**32 == 0xE40C292C


def test_the_two_directions_differ_and_so_does_every_key():
    """§1.6"""
    spis = {esp.spi(a, b, tag) for tag in range(50) for a, b in ((HERE, THERE), (THERE, HERE))}
    assert len(spis) == 100


def test_the_salt_is_the_spi():
    assert THITHER.salt == THITHER.spi.to_bytes(4, "big")


def test_a_packet_of_90_bytes_becomes_one_of_116():
    """§1.1, checked on a real frame."""
    clear, hidden = frame(), esp.seal(frame(), THITHER, 1, IV)
    assert (len(clear) - 14, len(hidden) - 14) == (90, 116)


def test_what_can_be_seen_of_an_encrypted_packet():
    """§5.2: addresses, SPI, sequence and IV; neither ports nor VNI."""
    layers = decode(esp.seal(frame(b"a secret"), THITHER, 5, IV))
    assert [layer.name for layer in layers] == ["Ethernet", "IPv4", "ESP", "encrypted", "ICV"]
    assert layers[1].header == IPv4(HERE, THERE, 50, dont_fragment=False)
    assert layers[2].fields == {"spi": f"0x{THITHER.spi:08x}", "sequence": 5, "iv": IV.hex()}
    assert layers[4].length == 8 and layers[4].start + 8 == layers[0].total
    assert (layers[3].length - 2 - 8 - 8 - 14 - 20 - 20 - len("a secret")) % 4 in range(4)


@given(
    st.binary(max_size=200),
    st.integers(0, vxlan.LARGEST_VNI),
    st.integers(1, 2**32 - 1),
    st.binary(min_size=8, max_size=8),
)
def test_what_is_sealed_can_be_opened_again(data, vni, sequence, iv):
    clear = frame(data, vni)
    hidden = esp.seal(clear, THITHER, sequence, iv)
    assert len(hidden) - 14 == vxlan.outer_size(40 + len(data), encrypted=True)
    assert esp.unseal(hidden, [BACK, THITHER]) == esp.Opened(clear, THITHER)


@given(st.data())
def test_a_packet_that_was_changed_on_the_way_is_refused(data):
    """The planted bug of this file: any one bit behind the IPv4 header."""
    hidden = bytearray(esp.seal(frame(b"hello"), THITHER, 1, IV))
    hidden[data.draw(st.integers(34, len(hidden) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert isinstance(esp.unseal(bytes(hidden), [THITHER]), esp.Refused)


def test_a_wrong_key_is_refused_as_data():
    hidden = esp.seal(frame(), THITHER._replace(key=OTHER_KEY), 1, IV)
    assert esp.unseal(hidden, [THITHER]) == esp.Refused(esp.NOT_AUTHENTIC)


def test_a_key_that_is_not_there_is_named_by_its_spi():
    hidden = esp.seal(frame(), THITHER._replace(tag=8), 1, IV)
    assert esp.unseal(hidden, [THITHER, BACK]).reason == f"no key with SPI 0x{esp.spi(HERE, THERE, 8):08x} is known"


def test_cleartext_of_an_encrypted_network_is_dropped():
    """§1.6"""
    assert esp.unseal(frame(), [THITHER]) == esp.Refused(esp.IN_CLEAR)


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_as_data(noise):
    assert isinstance(esp.unseal(noise, [THITHER]), esp.Refused)
    esp_packet = encode((Ethernet("52:54:00:00:00:01", "52:54:00:00:00:02"), IPv4(HERE, THERE, 50)), noise)
    assert isinstance(esp.unseal(esp_packet, [THITHER]), esp.Refused)


def test_only_what_udp_carries_is_sealed():
    with pytest.raises(ValueError, match="only a frame of Ethernet, IPv4 and UDP"):
        esp.seal(
            encode((Ethernet("02:42:00:00:00:01", "02:42:00:00:00:02"), IPv4(HERE, THERE, 6), Tcp(1, 2))),
            THITHER,
            1,
            IV,
        )


def test_padding_counts_1_2_3():
    """§5.2, seen in clear: what AES hides is opened with the library itself."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    headers = (
        Ethernet("52:54:00:00:00:01", "52:54:00:00:00:02"),
        IPv4(HERE, THERE, 17),
        Udp(50_000, 4789, checked=False),
    )
    for size, pad in ((2, ""), (3, "010203"), (4, "0102"), (5, "01")):
        hidden = esp.seal(encode(headers, bytes(size)), THITHER, 1, IV)[14 + 20 + 16 : -8]
        counter = Cipher(algorithms.AES(KEY), modes.CTR(THITHER.salt + IV + bytes([0, 0, 0, 2]))).decryptor()
        assert counter.update(hidden)[8 + size :].hex() == f"{pad}{len(pad) // 2:02x}11"


def test_the_same_dice_seal_the_same_bytes():
    def run(seed):
        dice = Random(seed)
        pair = esp.both_ways(HERE, THERE, 7, esp.draw_key(dice))
        sealer = esp.Sealer(pair, dice)
        return [sealer.seal(frame(data)) for data in (b"one", b"one", b"two")]

    assert run(1) == run(1) != run(2)
    assert len(set(run(1))) == 3  # another sequence and another IV each time


def test_a_sealer_without_a_key_for_the_way_says_so():
    with pytest.raises(ValueError, match=f"no key for packets from {HERE} to {THERE}"):
        esp.Sealer([BACK], Random(1)).seal(frame())


def test_without_the_library_one_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers", None)  # as if it were not installed
    with pytest.raises(ValueError, match="need the package cryptography"):
        esp.seal(frame(), THITHER, 1, IV)


# Wireshark


def association(one):
    """What tshark has to be told to read the packets of an association."""
    algorithm = "AES-GCM with 8 octet ICV [RFC4106]"
    row = "IPv4", one.source, one.target, f"0x{one.spi:08x}", algorithm, f"0x{(one.key + one.salt).hex()}", "NULL", ""
    return "uat:esp_sa:" + ",".join(f'"{word}"' for word in row)


def capture(key=KEY):
    """An encrypted request and its response."""
    sealer = esp.Sealer(esp.both_ways(HERE, THERE, 7, key), Random(7))
    ends = ("10.0.1.3", 40_000), ("10.0.1.4", 80), 4097, (HERE, THERE)
    return pcap.dump(conversation(*ends, b"GET / HTTP/1.1\r\nHost: web\r\n\r\n", 3000, encrypted=sealer))


DECODE = ("esp.enable_encryption_decode:TRUE", "esp.enable_authentication_check:TRUE")


def test_tshark_opens_the_packets_with_the_keys_and_finds_nothing_wrong(tmp_path):
    """§5.2: esp:udp:vxlan:…:tcp; integrity check value, padding and every checksum inside are good."""
    options = (*DECODE, association(THITHER), association(BACK))
    fields = "frame.protocols", "vxlan.vni", "tcp.checksum.status", "esp.icv_good", "esp.protocol"
    rows = tshark.dissect(tmp_path, capture(), *fields, options=options)
    assert {row[0].removesuffix(":http") for row in rows} == {"eth:ethertype:ip:esp:udp:vxlan:eth:ethertype:ip:tcp"}
    assert {row[1:] for row in rows} == {("4097", "1", "1", "0x11")}
    assert tshark.complaints(tmp_path, capture(), options) == []


def test_tshark_sees_nothing_inside_without_the_keys_or_with_wrong_ones(tmp_path):
    """The lesson, and the planted bug: one key that is not the one that was used."""
    options = (*DECODE, association(THITHER), association(BACK))
    for bytes_, chosen in ((capture(), ()), (capture(OTHER_KEY), options)):
        assert not any(vni for (vni,) in tshark.dissect(tmp_path, bytes_, "vxlan.vni", options=chosen))
