"""nodemailer, from npm (MIT-0): one process of Node sends email after email."""

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
from tests.support.smtp.clients.stage import HOST, Account, Email, Refused

_PACKAGES: Final = Path(__file__).with_name("node_client")


class Nodemailer:
    """Sends by nodemailer, one email at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, account: Account, email: Email) -> str:
        """What nodemailer says of an email that it has sent. Raises `Refused` with what it raised."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        signs_in = {"host": HOST, "port": account.port, "user": account.user, "pass": account.password}
        self._process.stdin.write(json.dumps(signs_in | asdict(email)) + "\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in said:
            raise Refused(said["error"])
        return str(said["said"])


@contextmanager
def nodemailer(trusted: Path, directory: Path) -> Iterator[Nodemailer]:
    """Run it, with this certificate trusted; skip the test where its package cannot be fetched."""
    installed = install(_PACKAGES, directory / "smtp-client")
    environment = {"PATH": os.environ["PATH"], "NODE_EXTRA_CA_CERTS": str(trusted)}
    words = (shutil.which("node") or "node", str(installed / "send.mjs"))
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Nodemailer(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)
