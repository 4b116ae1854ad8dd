"""How a law says that it does not hold."""

from ..sim.trace import Record


class LawBroken(AssertionError):
    """A law does not hold. The message says which, where and when; `record` is the fact at which it was seen."""

    def __init__(self, law: str, record: Record, because: str):
        super().__init__(f"{law}: {because}\n  {record}")
        self.law, self.record, self.because = law, record, because

    def __reduce__(self) -> tuple:
        return LawBroken, (self.law, self.record, self.because)
