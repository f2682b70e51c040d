"""Where a WSGI server finds the application: `gunicorn wsgi:app`.

A configuration that cannot serve ends the process with what is wrong, in its own lines and without a traceback.
"""

import sys

from app import create_app, telemetry
from config import SettingsError, load

# The status by which a gunicorn worker tells its master that starting another one cannot help (WORKER_BOOT_ERROR).
_NEVER_BOOTS = 3

try:
    settings = load()
    telemetry.configure(settings.log_level)
    app = create_app(settings)
except SettingsError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(_NEVER_BOOTS)
