"""A gateway's web application behind a real HTTP server on loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.serving import make_server

from tests.support.gateway.web import Web


@contextmanager
def served(web: Web, *, port: int = 0) -> Iterator[str]:
    """Serve it, on a free port unless one is named; yields its URL."""
    server = make_server("127.0.0.1", port, web.client.application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
