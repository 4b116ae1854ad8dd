"""How we know that it is right: laws that hold after every step, whatever fails."""

from .laws import LawBroken, Laws

__all__ = ["LawBroken", "Laws"]
