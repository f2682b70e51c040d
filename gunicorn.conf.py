"""How gunicorn runs the web; read by `gunicorn wsgi:app` in the checkout. Command line options override it.

Threads, since a request waits for the database and never computes for long; a worker class of our own, since a thread
must not wait for a client. No control socket: it would be in the home directory of the user that starts the server.
"""

import gc
import importlib

worker_class = "server.worker.Worker"
logger_class = "server.json_lines.JsonLogger"
workers = 2
threads = 48
worker_connections = 2000
control_socket_disable = True
keepalive = 75
graceful_timeout = 25
forwarder_headers = ""  # by default a header SCRIPT_NAME moves a request to a path that the proxy did not check


def on_starting(server):
    """Import the code once, for all workers and for those that replace them; settings and connections are their own.

    Warn when the command line replaces the worker class: one slow client per thread would then block the server.
    """
    if server.cfg.worker_class_str != worker_class:
        server.log.warning("Slow clients can hold every thread: start gunicorn without --worker-class.")
    gc.disable()
    importlib.import_module("app.web.application")
    gc.freeze()
    gc.enable()
