"""How Postern is served: a gunicorn worker with threads, and with bounds on how long a client may take.

It knows HTTP's framing and nothing of Postern, and imports nothing from `app`: gunicorn's main process loads it before
it forks, and what is loaded there stays until that process is restarted.
"""
