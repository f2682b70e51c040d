"""Where a WSGI server finds the application: `gunicorn wsgi:app`.

A configuration that cannot serve ends the process with what is wrong, in its own lines and without a traceback.
"""

import sys

from app import create_app
from config import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit(str(error))
