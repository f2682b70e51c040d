"""From the settings and the gateway to the door, and to the places where it listens."""

import time
from urllib.parse import urlsplit

from app.domain.message.raw.fields import LARGEST
from app.smtp.admission import Admission, MostConnections
from app.smtp.counts import Counts
from app.smtp.door import Door, Patience
from app.smtp.handler import Handler, Services
from app.smtp.protocol.budget import Budget
from app.smtp.protocol.steps import Rules
from app.smtp.server import Place
from app.smtp.threads import Threads
from app.smtp.tls import Certificate, CertificateFiles
from app.wiring.gateway import Gateway
from config import Settings, SettingsError

_WAIT_FOR_EACH_THREAD = 8


def door_of(settings: Settings, gateway: Gateway) -> Door:
    """The door of this gateway. Raises `SettingsError` if its certificate cannot be read."""
    return make_door(settings, services_of(gateway), patience=Patience())


def make_door(settings: Settings, services: Services, *, patience: Patience) -> Door:
    """A door that asks these services."""
    rules = Rules(
        host=settings.smtp_host_name or urlsplit(settings.public_url).hostname or "postern",
        largest=LARGEST,
        most_recipients=settings.max_recipients,
        has_tls=settings.smtp_certificate is not None,
    )
    most = MostConnections(
        whole=settings.smtp_connections,
        per_address=settings.smtp_connections_per_address,
        per_key=settings.smtp_connections_per_key,
    )
    return Door(
        rules=rules,
        clear_auth_on_loopback=settings.smtp_clear_auth_on_loopback,
        certificate=_certificate(settings),
        admission=Admission(most, monotonic=time.monotonic),
        handler=Handler(services, knows_repeats=settings.smtp_knows_repeats),
        threads=Threads(settings.smtp_threads, most_waiting=settings.smtp_threads * _WAIT_FOR_EACH_THREAD),
        budget=Budget(settings.smtp_memory_bytes),
        counts=Counts(),
        connections=set(),
        strangers={},
        patience=patience,
    )


def places_of(settings: Settings) -> tuple[Place, ...]:
    """Where the door listens. Raises `SettingsError` where no port is set."""
    ports = [(settings.smtp_port, False), (settings.smtp_tls_port, True)]
    places = tuple(Place(str(host), port, tls) for port, tls in ports if port for host in settings.smtp_bind)
    if not places:
        raise SettingsError("Postern cannot start: set SMTP_PORT or SMTP_TLS_PORT, where the SMTP door is to listen.")
    return places


def _certificate(settings: Settings) -> Certificate | None:
    if settings.smtp_certificate is None or settings.smtp_certificate_key is None:
        return None
    try:
        return Certificate(CertificateFiles(settings.smtp_certificate, settings.smtp_certificate_key))
    except OSError as error:
        raise SettingsError(f"Postern cannot start: SMTP_CERTIFICATE: {error.strerror or 'cannot be used'}") from error


def services_of(gateway: Gateway) -> Services:
    """The services of this gateway that the door asks."""
    return Services(
        authenticate=gateway.authenticate.with_secret,
        vet_recipient=gateway.vet_recipient,
        submit=gateway.submit_once,
    )
