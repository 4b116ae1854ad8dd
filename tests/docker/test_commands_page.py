"""docs/docker-commands.md says what the table of commands says."""

from tools.commands_page import PAGE, page


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tools.commands_page"
