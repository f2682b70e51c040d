"""Where a WSGI server finds the application: `gunicorn wsgi:app`.

If the configuration is invalid, the process prints what is wrong, without a traceback, and exits.
"""

import gc
import sys

gc.disable()  # imports leave no garbage, and looking for it takes a fifth of the start

from app import telemetry, tracing
from app.startup_checks import warn_of_misspelt_names
from app.web.application import create_app
from config import SettingsError, load

# The exit status of a gunicorn worker that makes its master stop instead of starting another one (WORKER_BOOT_ERROR).
_NEVER_BOOTS = 3

try:
    settings = load()
    telemetry.configure(settings.log_level)
    tracing.start(settings.otel_exporter_otlp_endpoint)
    warn_of_misspelt_names()
    app = create_app(settings)
except SettingsError as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(_NEVER_BOOTS)
gc.freeze()
gc.enable()
