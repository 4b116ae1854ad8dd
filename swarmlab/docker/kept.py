"""Settings that the engine keeps as asked and the simulation does nothing with: hosts, DNS, limits, capabilities.

They are read and merged as the client does it, so that `inspect` shows what Docker would show, and an update that
changes nothing restarts nothing. Source: Docker CLI reference, `docker service create` and `service update`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .flags import Options

PLAIN = {  # flag → the name under which the engine keeps it
    "init": "init",
    "isolation": "isolation",
    "oom-score-adj": "oom_score_adj",
    "read-only": "read_only",
    "tty": "tty",
    "user": "user",
    "workdir": "dir",
}
LISTS = {
    "dns": "dns_nameservers",
    "dns-option": "dns_options",
    "dns-search": "dns_search",
    "group": "groups",
}

# ── capabilities: CAP_ in front, sorted; ALL swallows the others, RESET forgets what was there ───────────────────


def capability(name: str) -> str:
    """`net_admin` → `CAP_NET_ADMIN`.

    >>> capability(" net_admin"), capability("all")
    ('CAP_NET_ADMIN', 'ALL')
    """
    upper = name.strip().upper()
    return upper if upper in ("ALL", "RESET") or upper.startswith("CAP_") else f"CAP_{upper}"


def _shown(names: Collection[str]) -> tuple[str, ...]:
    return ("ALL",) if "ALL" in names else tuple(sorted(set(names) - {"RESET"}))


def _capabilities(options: Options) -> dict[str, tuple[str, ...]]:
    """A capability that is both added and dropped is added."""
    add = _shown([capability(name) for name in options["cap-add"]])
    drop = _shown([capability(name) for name in options["cap-drop"]])
    return {"capability_add": add, "capability_drop": tuple(name for name in drop if name not in add)}


def _changed_capabilities(kept: Mapping[str, Any], options: Options) -> dict[str, tuple[str, ...]]:
    """What was dropped and is added now is neither: it takes a second update to add it. The other way as well."""
    lists = {}
    for word in ("add", "drop"):
        lists[word] = set() if "RESET" in _asked(options, word) else set(kept.get(f"capability_{word}", ()))
    added, dropped = _asked(options, "add"), _asked(options, "drop")
    for names, mine, other in ((dropped - added, "drop", "add"), (added, "add", "drop")):
        for name in sorted(names - {"RESET"}):
            if name in lists[other]:
                lists[other].discard(name)
            else:
                lists[mine].add(name)
    return {f"capability_{word}": _shown(names) for word, names in lists.items()}


def _asked(options: Options, word: str) -> set[str]:
    return {capability(name) for name in options[f"cap-{word}"]}


# ── what a service is created with, and how an update changes it ─────────────────────────────────────────────────


def asked(options: Options) -> dict[str, Any]:
    """For `service create`. What else is empty is left out."""
    kept: dict[str, Any] = {"init": False}  # the one thing that the client sends although nobody asked
    kept |= {key: options[flag] for flag, key in PLAIN.items() if flag in options.given}
    kept |= {key: tuple(options[flag]) for flag, key in LISTS.items()}
    kept |= _capabilities(options)
    kept["hosts"] = options["host"]
    kept["sysctls"] = _mapping(options["sysctl"])
    kept["ulimits"] = _ulimits((), options["ulimit"], ())
    return _without_empty(kept)


def changed(old: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """For `service update`: what no flag names stays."""
    kept = dict(old)
    kept |= {key: options[flag] for flag, key in PLAIN.items() if flag in options.given}
    for flag, key in LISTS.items():
        if _given(options, flag):
            kept[key] = _merged(old.get(key, ()), options[f"{flag}-add"], options[f"{flag}-rm"], key != "groups")
    if "cap-add" in options.given or "cap-drop" in options.given:
        kept |= _changed_capabilities(old, options)
    if _given(options, "host"):
        kept["hosts"] = _hosts(old.get("hosts", ()), options["host-add"], options["host-rm"])
    if _given(options, "sysctl"):
        removed = _mapping(options["sysctl-rm"])
        stay = {name: value for name, value in (old.get("sysctls") or {}).items() if name not in removed}
        kept["sysctls"] = stay | _mapping(options["sysctl-add"])
    kept["ulimits"] = _ulimits(old.get("ulimits", ()), options["ulimit-add"], options["ulimit-rm"])
    return _without_empty(kept)


def _given(options: Options, flag: str) -> bool:
    return f"{flag}-add" in options.given or f"{flag}-rm" in options.given


def _merged(old: Sequence[str], added: Sequence[str], removed: Sequence[str], once: bool) -> tuple[str, ...]:
    """Removing comes last, and wins. Sorted, so that an order of typing is no change."""
    names = [*old, *added]
    return tuple(sorted(name for name in (dict.fromkeys(names) if once else names) if name not in removed))


def _hosts(old: Sequence[str], added: Sequence[str], removed: Sequence[str]) -> tuple[str, ...]:
    """A removed `name` goes wherever it stands, a removed `name:ip` only at that address."""
    gone = [(name, ip) for name, _, ip in (entry.partition(":") for entry in removed)]
    lines = []
    for line in old:
        ip, *names = line.split()
        stay = [name for name in names if (name, "") not in gone and (name, ip) not in gone]
        lines += [" ".join([ip, *stay])] if stay else []
    return tuple(dict.fromkeys([*lines, *added]))


def _ulimits(old: Sequence[tuple], added: Sequence[tuple], removed: Sequence[str]) -> tuple[tuple, ...]:
    names = _mapping(removed)
    limits = {limit[0]: limit for limit in old if limit[0] not in names}
    limits |= {limit[0]: limit for limit in added}
    return tuple(limit for _, limit in sorted(limits.items()))


def _mapping(pairs: Sequence[str]) -> dict[str, str]:
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs)}


def _without_empty(kept: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in kept.items() if value or (key == "init" and value is not None)}
