"""What a judge of an exercise says to an answer."""

from swarmlab.lessons import check


def said(capsys, name, *answer):
    """The one line that `check` prints."""
    check(name, *answer)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1  # always one line
    return lines[0]
