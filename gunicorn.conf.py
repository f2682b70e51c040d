"""How gunicorn runs the web; read by `gunicorn wsgi:app` in the checkout. Options of the command line go before it.

Threads, since a request waits for the database and never computes for long. No control socket: it would lie in the home
directory of whoever starts the server.
"""

worker_class = "gthread"
workers = 2
threads = 8
control_socket_disable = True
keepalive = 75
graceful_timeout = 25
