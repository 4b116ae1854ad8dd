"""The rows of the table for `docker secret …` and `docker config …`."""

from .vocabulary import Command

COMMANDS: tuple[Command, ...] = ()
