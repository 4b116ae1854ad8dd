"""The rows of the table for `docker secret …` and `docker config …`."""

from ..flags import Flag
from .vocabulary import LISTING, Command, absent

LABEL = Flag("label", "label", "Label, as name=value; may be repeated", "l")
TEMPLATE = Flag(
    "template-driver", "string", "Language of templates in it, which each task fills in: golang", default=""
)
STDIN = 'a file, or "-" for the standard input'


def _more(kind: str, plural: str) -> tuple[Command, ...]:
    """What the two groups have in common."""
    place = f"{kind.upper()} [{kind.upper()}...]"
    return (
        Command(f"{kind} ls", "[OPTIONS]", f"List the {plural}", LISTING, aliases=(f"{kind} list",)),
        Command(f"{kind} rm", place, f"Remove {plural}", least=1, most=None, aliases=(f"{kind} remove",)),
    )


COMMANDS: tuple[Command, ...] = (
    Command(
        "config create",
        "[OPTIONS] CONFIG file|-",
        f"Make a config of {STDIN}",
        (LABEL, TEMPLATE),
        least=2,
        most=2,
    ),
    *_more("config", "configs"),
    Command(
        "secret create",
        "[OPTIONS] SECRET [file|-]",
        f"Make a secret of {STDIN}",
        (LABEL, TEMPLATE, *absent("d/driver")),
        least=1,
        most=2,
    ),
    *_more("secret", "secrets"),
)
