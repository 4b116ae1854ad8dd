"""Durations, sizes, processors, ports: the grammar of Go and of Docker's client (stacks.md §6)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmlab.docker.units import (
    UnitError,
    microseconds,
    parse_cpus,
    parse_duration,
    parse_duration_ns,
    parse_port,
    parse_port_binding,
    parse_size,
    print_duration,
    quote,
)
from swarmlab.objects import PortConfig


def text_of(parse, text):
    with pytest.raises(UnitError) as caught:
        parse(text)
    return caught.value.text


@pytest.mark.parametrize(
    ("text", "ns"),
    [("0", 0), ("5s", 5e9), ("1m30s", 90e9), ("1.5h", 5400e9), ("1h1h", 7200e9), ("-5s", -5e9), ("+5s", 5e9),
     (".5s", 5e8), ("1.s", 1e9), ("3ns", 3), ("2us", 2000), ("2µs", 2000), ("2ms", 2e6), ("0.3333333333s", 333333333)],
)  # fmt: skip
def test_a_duration_is_numbers_with_units(text, ns):
    assert parse_duration_ns(text) == ns


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("5", 'time: missing unit in duration "5"'),
        ("1s5", 'time: missing unit in duration "1s5"'),
        ("1.5.5s", 'time: missing unit in duration "1.5.5s"'),
        ("5d", 'time: unknown unit "d" in duration "5d"'),
        ("1 s", 'time: unknown unit " s" in duration "1 s"'),
        ("1e3s", 'time: unknown unit "e" in duration "1e3s"'),
        ("", 'time: invalid duration ""'),
        (".s", 'time: invalid duration ".s"'),
        ("soon", 'time: invalid duration "soon"'),
        ("9999999999h", 'time: invalid duration "9999999999h"'),
    ],
)
def test_a_wrong_duration_is_refused_in_the_words_of_go(text, says):
    assert text_of(parse_duration_ns, text) == says


def test_what_is_shorter_than_a_microsecond_but_not_zero_is_one():
    assert [parse_duration(text) for text in ("0s", "1ns", "999ns", "1500ns", "-1ns")] == [0, 1, 1, 1, -1]
    assert microseconds(90 * 10**9) == 90_000_000


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0s"), (90 * 10**9, "1m30s"), (3600 * 10**9, "1h0m0s"), (15 * 10**8, "1.5s"), (25 * 10**7, "250ms"),
     (1500, "1.5µs"), (7, "7ns"), (-5 * 10**9, "-5s"), (5405500 * 10**6, "1h30m5.5s")],
)  # fmt: skip
def test_durations_are_printed_as_go_prints_them(ns, text):
    assert print_duration(ns) == text


@settings(derandomize=True, max_examples=200)
@given(st.integers(-(2**63), 2**63 - 1))
def test_every_printed_duration_reads_back(ns):
    assert parse_duration_ns(print_duration(ns)) == ns


@pytest.mark.parametrize(
    ("text", "size"),
    [("64M", 64 << 20), ("1.5g", 1610612736), ("1e3", 1000), ("10kb", 10240), ("1kib", 1024), ("7", 7), ("7b", 7),
     ("1 g", 1 << 30), ("1T", 1 << 40), ("1p", 1 << 50), (".5k", 512), ("0", 0)],
)  # fmt: skip
def test_sizes_are_powers_of_1024_whatever_the_case(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lots", "invalid size: 'lots'"),
        ("", "invalid size: ''"),
        ("-1", "invalid size: '-1'"),
        ("1gg", "invalid suffix: 'gg'"),
        ("1E", "invalid suffix: 'e'"),
        (" 1", 'strconv.ParseFloat: parsing " 1": invalid syntax'),
        ("1e400", 'strconv.ParseFloat: parsing "1e400": value out of range'),
    ],
)
def test_a_wrong_size_is_refused(text, says):
    assert text_of(parse_size, text) == says


def test_processors_are_counted_in_thousand_millionths_and_must_come_out_whole():
    assert [parse_cpus(text) for text in ("0.5", "2", "1e-3", "1/4")] == [500000000, 2000000000, 1000000, 250000000]
    assert text_of(parse_cpus, "0.0000000001") == "value is too precise"
    assert text_of(parse_cpus, "abc") == "failed to parse abc as a rational number"


def pairs(text):
    return [(port.published_port, port.target_port) for port in parse_port(text)]


def test_a_port_has_a_published_and_a_target_side():
    assert parse_port("8080:80") == [PortConfig(80, 8080)]
    assert parse_port("53:53/UDP") == [PortConfig(53, 53, "udp")]
    assert parse_port("80") == [PortConfig(80)]
    assert pairs("5000-5002:6000-6002") == [(5000, 6000), (5001, 6001), (5002, 6002)]
    assert pairs("5000-5001:80") == [(5000, 80), (5001, 80)]
    assert pairs("3000-3001") == [(0, 3000), (0, 3001)]


def test_the_address_of_a_port_is_kept_for_the_warning():
    assert parse_port_binding("127.0.0.1:81:80") == [("127.0.0.1", PortConfig(80, 81))]
    assert parse_port_binding("[::1]:81:80") == [("::1", PortConfig(80, 81))]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("80000:80", "invalid hostPort: 80000"),
        ("abc:80", "invalid hostPort: abc"),
        ("5-4:80", "invalid hostPort: 5-4"),
        ("+80:80", "invalid hostPort: +80"),
        ("80:abc", "invalid containerPort: abc"),
        ("70000", "invalid containerPort: 70000"),
        ("80/foo", "invalid proto: foo"),
        ("", "no port specified: <empty>"),
        ("80:/tcp", "no port specified: 80:/tcp<empty>"),
        ("1:2:3", "invalid IP address: 1"),
        ("1-2:3-5", "invalid ranges specified for container and host Ports: 3-5 and 1-2"),
    ],
)
def test_a_wrong_port_is_refused(text, says):
    assert text_of(parse_port, text) == says


def test_quoted_texts_look_like_those_of_go():
    assert quote('a"\\\n\t\x1bé😀\u200b') == '"a\\"\\\\\\n\\t\\x1bé😀\\u200b"'


def test_what_64_bits_do_not_hold_is_what_go_makes_of_it() -> None:
    assert parse_cpus("9223372036.854775808") == -(2**63) and parse_cpus("18446744073.709551616") == 0
    assert parse_duration_ns("2562047h47m16.854775807s") == 2**63 - 1
    for text in ("9" * 5000 + "s", "2562047h47m16.854775808s"):
        with pytest.raises(UnitError, match="time: invalid duration"):
            parse_duration_ns(text)
    assert parse_duration_ns("0" * 5000 + "1." + "5" + "0" * 5000 + "s") == 15 * 10**8
