"""Commands in pretended containers: programs, scripts, exit codes (moby `daemon/exec.go`; a POSIX shell)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmlab.messages import FileInside
from swarmlab.worker.programs import PATH, PROGRAMS, Inside, Ran, Unknown, user_of
from swarmlab.worker.shell import MISSING, REAL, run

SITE = FileInside("config", "c1", "site", "/etc/site.conf", b"server { listen 80; }\n", memory=False)
TOKEN = FileInside("secret", "k1", "token", "/run/secrets/token", b"tok", "1000", "0", 0o400)
HERE = Inside({one.path: one for one in (SITE, TOKEN)}, {"PATH": PATH, "A": "b c"}, "web")


def sh(text, here=HERE):
    return run(here, ["sh", "-c", text])


def test_ls_shows_owner_mode_and_size_files_first_then_folders():
    assert sh("ls -l /run/secrets /etc/site.conf").out == (
        "-r--r--r--    1 root     root            22 Jan  1 00:00 /etc/site.conf\n"
        "\n"
        "/run/secrets:\n"
        "total 4\n"
        "-r--------    1 1000     root             3 Jan  1 00:00 token\n"
    )


@pytest.mark.parametrize(
    ("user", "may"), [(("0", "0"), True), (("1000", "0"), True), (("5", "5"), False), (("5", "0"), False)]
)
def test_who_may_read_a_file_is_said_by_its_mode(user, may):
    ran = run(HERE._replace(user=user), ["cat", "/run/secrets/token"])
    denied = Ran(1, "", "cat: can't open '/run/secrets/token': Permission denied\n")
    assert ran == (Ran(0, "tok") if may else denied)


def test_what_a_container_was_given_cannot_be_written():
    assert sh("echo x > /etc/site.conf") == Ran(1, "", "sh: can't create /etc/site.conf: Read-only file system\n")
    assert run(HERE, ["touch", "/run/secrets/new"]).err == "touch: /run/secrets/new: Read-only file system\n"
    assert run(HERE, ["touch", "/tmp/new"]).written == (("/tmp/new", b""),)


@pytest.mark.parametrize(
    ("text", "code", "out"),
    [
        ("echo a; echo b", 0, "a\nb\n"),
        ("false && echo a || echo b", 0, "b\n"),
        ("test -f /run/sick && exit 1 || exit 0", 0, ""),
        ("! test -d /run/secrets || echo yes", 0, "yes\n"),
        ("[ -f /etc/site.conf ] && echo \"$A\" '$A' ${A} $?", 0, "b c $A b c 0\n"),
        ("echo hi > /tmp/x; echo ho >> /tmp/x; cat /tmp/x", 0, "hi\nho\n"),
        ("nosuch; echo $?", 0, "127\n"),
        ("exit 300", 44, ""),
        ("cat /nowhere 2", 1, ""),
        ("id; whoami; pwd; hostname", 0, "uid=0(root) gid=0(root) groups=0(root)\nroot\n/\nweb\n"),
        ("", 0, ""),
        ('echo \\$A "\\$A" "a\\b" \\; "\\""', 0, '$A $A a\\b ; "\n'),
        ("echo $NONE x; test -n $NONE && echo $B", 0, "x\n\n"),
        ("test -f $FILES", 0, ""),
        ('test -n "$NONE"', 1, ""),
        ("true # false; exit 3\necho a#b;# c", 0, "a#b\n"),
        ("> /tmp/x; test -e /tmp/x", 0, ""),
        ("wc -c -- /etc/site.conf", 0, "22 /etc/site.conf\n"),
        ("'' x", 127, ""),
    ],
)
def test_a_script_does_what_a_shell_does(text, code, out):
    ran = sh(text)
    assert (ran.code, ran.out) == (code, out)


def test_a_command_that_is_nowhere_ends_with_126_and_in_a_shell_with_127():
    text = 'exec: "nosuch": executable file not found in $PATH: unknown\n'
    assert run(HERE, ["nosuch"]) == Ran(
        126, f"OCI runtime exec failed: exec failed: unable to start container process: {text}"
    )
    assert sh("nosuch") == Ran(127, "", "sh: nosuch: not found\n")


@pytest.mark.parametrize(
    "words",
    [
        ["curl", "db"],
        ["sh"],
        ["bash"],
        ["sh", "-c", "cat x | wc"],
        ["ls", "-R"],
        ["wc", "-c", "--"],
        ["sh", "-c", "A=1 env"],
        ["sh", "-c", "id 2>/dev/null"],
        ["sh", "-c", "echo 5>/dev/null"],
        ["sh", "-c", "echo >"],
    ],
)
def test_what_a_real_container_may_have_and_this_one_has_not_is_said(words):
    with pytest.raises(Unknown):
        run(HERE, words)


def test_what_is_there_is_not_among_what_is_missing():
    assert not REAL & set(PROGRAMS) and all(name in MISSING for name in PROGRAMS)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    st.lists(
        st.sampled_from(
            [*PROGRAMS, *"! [ ] ; && || > >> ' \" $A $? $ exit nosuch /etc /tmp/x -f -l 3 \\ \n".split(" ")]
        )
    )
)
def test_no_script_raises_anything_but_what_is_said(words):
    for text in (" ".join(words), "".join(words)):
        try:
            assert isinstance(sh(text), Ran)
        except Unknown as refusal:
            assert str(refusal)


def test_users_go_by_number_or_by_one_of_two_names():
    assert user_of("") == user_of("root") == ("0", "0")
    assert (user_of("1000"), user_of("1000:50"), user_of("nobody")) == (
        ("1000", "0"),
        ("1000", "50"),
        ("65534", "65534"),
    )
    assert user_of("app") is None and user_of("1:app") is None
