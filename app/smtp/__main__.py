"""`python -m app.smtp`: run the SMTP door of the settings until it is stopped.

If the configuration is invalid, the process prints what is wrong, without a traceback, and exits.
"""

import asyncio
import os
import signal
import socket
import sys
from functools import partial

from app import telemetry, tracing
from app.smtp.open_door import door_of, places_of
from app.smtp.server import Server
from app.startup_checks import warn_of_misspelt_names
from app.wiring.foundation import SMTP_DOOR
from app.wiring.gateway import build
from config import Settings, SettingsError, load


async def serve(settings: Settings) -> None:
    """Run the door of these settings until a signal ends it. Raises `SettingsError` and `OSError` if it cannot open."""
    places = places_of(settings)
    gateway = build(settings, bounds=SMTP_DOOR)
    gateway.write_timings.start()
    try:
        name = f"smtp:{socket.gethostname()}:{os.getpid()}"
        beat = partial(gateway.smtp_door.beat, name)
        server = Server(door_of(settings, gateway), places, beat=beat)
        await server.open()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        await server.run()
    finally:
        gateway.close()


def main() -> int:
    """The exit status."""
    try:
        settings = load()
        telemetry.configure(settings.log_level)
        tracing.start(settings.otel_exporter_otlp_endpoint)
        warn_of_misspelt_names()
        asyncio.run(serve(settings))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"The SMTP door cannot open: {error.strerror}: {error.filename or 'SMTP_BIND, SMTP_PORT'}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
