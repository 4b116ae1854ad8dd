"""Tunnels: the header, what they cost, and packets that are too large [networking.md §1.1, §1.6]."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmlab.overlay import vxlan
from swarmlab.overlay.frames import packed

SIZES = st.integers(28, 9000)


def test_the_header_of_vni_4097():
    """§1.1"""
    assert vxlan.wrap(b"frame", 4097) == bytes.fromhex("08 00 00 00 00 10 01 00") + b"frame"


@given(st.binary(max_size=80), st.integers(0, vxlan.LARGEST_VNI))
def test_what_is_wrapped_can_be_unwrapped(frame, vni):
    assert vxlan.unwrap(vxlan.wrap(frame, vni)) == (vni, frame)


@pytest.mark.parametrize("vni", [-1, 1 << 24])
def test_a_vni_has_24_bits(vni):
    with pytest.raises(ValueError, match="does not fit into 24 bits"):
        vxlan.wrap(b"", vni)


@pytest.mark.parametrize("datagram", [b"", bytes(7), bytes(8), b"\x04" + bytes(20)])
def test_what_has_no_vni_is_not_unwrapped(datagram):
    with pytest.raises(ValueError, match="no VXLAN header"):
        vxlan.unwrap(datagram)


def test_the_tunnel_takes_50_bytes_and_encryption_26_more():
    """§1.1: 1500 → 1450, MSS 1410; encrypted 1424, rounded down to a multiple of 4."""
    assert (vxlan.OVERHEAD, vxlan.ESP) == (50, 26)
    assert (vxlan.mtu_inside(), vxlan.mss(vxlan.mtu_inside())) == (1450, 1410)
    assert vxlan.mtu_inside(encrypted=True) == 1424
    assert [vxlan.mtu_inside(underlay, True) for underlay in (1501, 1503, 1504, 9001)] == [1424, 1424, 1428, 8924]


def test_a_packet_of_90_bytes_becomes_one_of_116():
    """§1.1, on a real frame: a TCP segment without data."""
    assert (vxlan.outer_size(40), vxlan.outer_size(40, encrypted=True)) == (90, 116)


@given(st.integers(576, 9216), st.booleans())
def test_what_fills_the_mtu_inside_fits_on_the_underlay(underlay, encrypted):
    inside = vxlan.mtu_inside(underlay, encrypted)
    assert vxlan.outer_size(inside, encrypted) <= underlay
    assert vxlan.outer_size(inside + 4, encrypted) > underlay  # and no multiple of 4 more


@given(SIZES)
def test_padding_fills_blocks_of_4(size):
    assert 0 <= vxlan.padding(size) < 4 and (size + vxlan.padding(size) + 2) % 4 == 0
    assert vxlan.overhead(size) == 50 and 76 <= vxlan.overhead(size, True) <= 79


# which way


def test_one_flow_has_one_source_port_and_different_flows_spread():
    """§1.1: a hash of the inner flow, 49152 to 65535. 400 flows on 16 paths: the chance that one gets none is 10⁻¹⁰."""
    flow = packed("10.0.1.3"), packed("10.0.1.4"), 6
    ports = [vxlan.source_port(*flow, port, 80) for port in range(40_000, 40_400)]
    assert ports == [vxlan.source_port(*flow, port, 80) for port in range(40_000, 40_400)]
    assert all(49_152 <= port <= 65_535 for port in ports)
    assert {port % 16 for port in ports} == set(range(16)) and len(set(ports)) > 380


# too large


def test_a_packet_within_the_mtu_fits():
    assert vxlan.fate(1450) == ("fits", "", 1500, 1500, 1, "")
    assert vxlan.fate(1424, encrypted=True).verdict == "fits"


def test_a_packet_that_must_not_be_cut_is_dropped_where_it_is_sent_and_the_sender_knows():
    fate = vxlan.fate(1451)
    assert fate[:5] == ("dropped", "container", 1451, 1450, 0) and "told" in fate.why


def test_one_that_may_be_cut_is_cut_by_the_container():
    """1450 bytes: 20 of header and 1424 of data, as fragments begin at multiples of 8."""
    assert vxlan.fate(1451, dont_fragment=False)[:5] == ("fragmented", "container", 1451, 1450, 2)
    assert vxlan.fate(20 + 2 * 1424, dont_fragment=False).pieces == 2
    assert vxlan.fate(21 + 2 * 1424, dont_fragment=False).pieces == 3


def test_an_mtu_set_too_high_shows_on_the_underlay():
    """The outer packet leaves Linux without DF, so it is cut; where that is forbidden nobody is told."""
    assert vxlan.fate(1500, mtu=1500)[:5] == ("fragmented", "underlay", 1550, 1500, 2)
    fate = vxlan.fate(1500, mtu=1500, outer_dont_fragment=True)
    assert fate[:5] == ("dropped", "underlay", 1550, 1500, 0) and "nobody is told" in fate.why
    assert vxlan.fate(1450, mtu=1450, encrypted=True).where == "underlay"  # encrypted, and the 26 forgotten


@given(SIZES, st.integers(576, 1500), st.booleans())
def test_with_the_mtu_that_docker_sets_nothing_is_cut_or_lost_on_the_underlay(size, underlay, encrypted):
    for dont_fragment in (True, False):
        assert vxlan.fate(size, None, underlay, encrypted, dont_fragment).where != "underlay"


# throughput


def test_the_bytes_of_a_tunnel_cost_3_percent_and_encryption_2_more():
    """By the bytes alone: 1410 of 1538 that a full frame takes on the wire; 1384 of as many; 1460 without a tunnel."""
    assert vxlan.goodput(1e9) == pytest.approx(1e9 * 1410 / 1538)
    assert vxlan.goodput(1e9, encrypted=True) == pytest.approx(1e9 * 1384 / 1538)


def test_on_a_fast_link_encryption_is_limited_by_its_core():
    slow, fast = (vxlan.goodput(25e9, encrypted=True, cpu_bits=bits) for bits in (5e9, 10e9))
    assert fast == pytest.approx(2 * slow) and fast < 10e9 < vxlan.goodput(25e9)


def test_smaller_packets_carry_less():
    assert vxlan.goodput(1e9, mtu=600) < vxlan.goodput(1e9, mtu=1200) < vxlan.goodput(1e9)


def test_an_mtu_without_room_for_data_is_refused():
    with pytest.raises(ValueError, match="leaves no room"):
        vxlan.goodput(1e9, mtu=40)
