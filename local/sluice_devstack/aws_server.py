"""moto's WSGI application in a process of its own, on a listening socket inherited from the parent.

Strategy: many connections, one lock: moto keeps its tables in plain dicts and loses rows when two threads write. The
parent holds the other end of standard input, so that its death, of whatever kind, ends this process too.
Runs as a script (`python aws_server.py FD POLICIES`, the latter as JSON) and imports moto once.
"""

import json
import logging
import os
import sys
import threading
from pathlib import Path

from sluice_devstack.authorization import Application, Authorized, Environ, Notes, Policies, StartResponse

NOTES = "SLUICE_AWS_CALLS"


class OneAtATime:
    """A WSGI application that finishes one request before it begins the next."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._lock = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        with self._lock:
            return list(self._application(environ, start_response))


def exit_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def noted() -> Notes:
    """Goes to the file that the environment names, if it names one."""
    return Notes(Path(os.environ[NOTES]) if os.environ.get(NOTES) else None)


def serve(listening: int, policies: Policies) -> None:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    class Handler(MotoRequestHandler):
        disable_nagle_algorithm = True  # head and body leave in two writes

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = OneAtATime(Authorized(DomainDispatcherApplication(create_backend_app), policies, noted()))
    make_server("127.0.0.1", 0, application, threaded=True, request_handler=Handler, fd=listening).serve_forever()


if __name__ == "__main__":
    threading.Thread(target=exit_with_parent, daemon=True).start()
    serve(int(sys.argv[1]), json.loads(sys.argv[2]))
