"""nodemailer, from npm (MIT-0): one process of Node sends email after email."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.support.browser.node_packages import NodeProcess, install, running
from tests.support.gateway.client_email import Email
from tests.support.smtp.clients.stage import HOST, Account, Refused

_PACKAGES: Final = Path(__file__).with_name("node_client")


class Nodemailer:
    """Sends by nodemailer, one email at a time."""

    def __init__(self, process: NodeProcess) -> None:
        self._process = process

    def __call__(self, account: Account, email: Email) -> str:
        """What nodemailer says of an email that it has sent. Raises `Refused` with what it raised."""
        signs_in = {"host": HOST, "port": account.port, "user": account.user, "pass": account.password}
        said = self._process.ask(signs_in | asdict(email))
        if "error" in said:
            raise Refused(said["error"])
        return str(said["said"])


@contextmanager
def nodemailer(trusted: Path, directory: Path) -> Iterator[Nodemailer]:
    """Run it, with this certificate trusted; skip the test where its package cannot be fetched."""
    installed = install(_PACKAGES, directory / "smtp-client")
    with running(installed / "send.mjs", {"NODE_EXTRA_CA_CERTS": str(trusted)}) as process:
        yield Nodemailer(process)
