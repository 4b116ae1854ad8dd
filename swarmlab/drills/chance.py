"""What the seed chooses for an incident: where it strikes, filled in everywhere in its file."""

import re
from collections.abc import Mapping
from random import Random
from typing import Any

PLACE = re.compile(r"\{([a-z_]\w*)\}")


def chosen_by(rows: Mapping, seed: int) -> dict[str, str]:
    """`{"a, b": [x, y, z]}`: two different ones of three, drawn by the seed."""
    chosen: dict[str, str] = {}
    for names, options in rows.items():
        wanted = [name.strip() for name in str(names).split(",")]
        if not isinstance(options, list) or len(options) < len(wanted):
            raise ValueError(f"choose: {names}: a list of at least {len(wanted)} values")
        drawn = Random(f"incident {seed} {names}").sample([str(option) for option in options], len(wanted))
        chosen |= zip(wanted, drawn, strict=True)
    return chosen


def filled(value: Any, chosen: Mapping[str, str]) -> Any:
    """The same, with `{name}` replaced by what was chosen."""
    match value:
        case str():
            return PLACE.sub(lambda found: _choice(found[1], chosen), value)
        case dict():
            return {filled(key, chosen): filled(each, chosen) for key, each in value.items()}
        case list():
            return [filled(each, chosen) for each in value]
    return value


def _choice(name: str, chosen: Mapping[str, str]) -> str:
    if name not in chosen:
        raise ValueError(f"{{{name}}} is not in choose")
    return chosen[name]
