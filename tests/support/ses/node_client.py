"""AWS's SDK for JavaScript and nodemailer, from npm (Apache-2.0, MIT-0): one process of Node sends by all of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

from tests.support.browser.node_packages import NodeProcess, install, running
from tests.support.gateway.client_email import Email
from tests.support.ses.clients import Refused
from tests.support.ses.door import REGION, Credentials, Door

_PACKAGES: Final = Path(__file__).with_name("node_clients")


class NodeClients:
    """Sends by the clients of Node, one email at a time."""

    def __init__(self, process: NodeProcess) -> None:
        self._process = process

    def send(self, client: str, key: Credentials, email: Email) -> str:
        """The id that the client got. Raises `Refused` with what the client raised."""
        signs_in = {"client": client, "key": [key.access_key_id, key.secret_access_key]}
        said = self._process.ask(signs_in | asdict(email))
        if "error" in said:
            raise Refused(said["error"], said["message"], said.get("status"), said.get("attempts"))
        return str(said["id"])


@contextmanager
def node_clients(door: Door, directory: Path) -> Iterator[NodeClients]:
    """Run them for this door; skip the test where their packages cannot be fetched."""
    installed = install(_PACKAGES, directory / "ses-clients")
    with running(installed / "send.mjs", {"AWS_ENDPOINT_URL": door.url, "AWS_REGION": REGION}) as process:
        yield NodeClients(process)
