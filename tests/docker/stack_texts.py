"""Small stack files as texts, for the tests of this room."""

from textwrap import dedent

import pytest

from swarmlab.docker.stack import StackError, convert, load

DIR = "/stack"


def reader(files):
    def read(path):
        if path not in files:
            raise FileNotFoundError(path)
        return files[path].encode()

    return read


def loaded(*texts, env=None, deploy=True, **files):
    """The given texts as files on each other; `files` are others in the same folder, by name with _ for the point."""
    known = {f"{DIR}/{n}.yml": dedent(text) for n, text in enumerate(texts)}
    known |= {f"{DIR}/{name.replace('_', '.')}": text for name, text in files.items()}
    return load(list(known)[: len(texts)], reader(known), env or {}, deploy=deploy)


def service(body, **more):
    """One service `a` in normal form, given its keys besides the image, as YAML in one line."""
    return loaded(f"services: {{a: {{image: x, {body}}}}}", **more).services["a"]


def converted(text, **files):
    known = {f"{DIR}/0.yml": dedent(text)} | {f"{DIR}/{name.replace('_', '.')}": body for name, body in files.items()}
    return convert(load([f"{DIR}/0.yml"], reader(known), {}), "demo", reader(known))


def spec(body, top="", **files):
    """The spec of one service `a`, and nothing else."""
    return converted(f"services: {{a: {{image: x, {body}}}}}\n{dedent(top)}", **files).services[0]


def refusal(*texts, **more):
    """What Docker says to a file that it refuses while loading."""
    with pytest.raises(StackError) as caught:
        loaded(*texts, **more)
    return caught.value.text


def refusal_of(body, **more):
    return refusal(f"services: {{a: {{image: x, {body}}}}}", **more)


def late_refusal(text, **files):
    """What Docker says, and which part of the stack it had made, when it refuses while deploying."""
    with pytest.raises(StackError) as caught:
        converted(text, **files)
    return caught.value
