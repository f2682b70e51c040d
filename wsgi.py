"""Where a WSGI server finds the application: `gunicorn wsgi:app`.

A configuration that cannot serve ends the process with what is wrong, in its own lines and without a traceback.
"""

import sys

from app import create_app, telemetry
from config import SettingsError, load

try:
    settings = load()
    telemetry.configure(settings.log_level)
    app = create_app(settings)
except SettingsError as error:
    sys.exit(str(error))
