"""The Engine API: what a request asks, and which function answers it. The socket is in `docker.server`.

An endpoint is a plain function of a session (`docker.session`) and of what was asked, as a command is.
"""
