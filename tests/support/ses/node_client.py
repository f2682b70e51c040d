"""AWS's SDK for JavaScript and nodemailer, from npm (Apache-2.0, MIT-0): one process of Node sends by all of them."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tests.support.browser.node_packages import install
from tests.support.ses.clients import Email, Refused
from tests.support.ses.door import REGION, Credentials, Door

_PACKAGES: Final = Path(__file__).with_name("node_clients")


class NodeClients:
    """Sends by the clients of Node, one email at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def send(self, client: str, key: Credentials, email: Email) -> str:
        """The id that the client got. Raises `Refused` with what the client raised."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"client": client, "key": [key.access_key_id, key.secret_access_key], **asdict(email)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in said:
            raise Refused(said["error"], said["message"], said.get("status"), said.get("attempts"))
        return str(said["id"])


@contextmanager
def node_clients(door: Door, directory: Path) -> Iterator[NodeClients]:
    """Run them for this door; skip the test where their packages cannot be fetched."""
    installed = install(_PACKAGES, directory / "ses-clients")
    environment = {"PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": door.url, "AWS_REGION": REGION}
    words = (shutil.which("node") or "node", str(installed / "send.mjs"))
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield NodeClients(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)
