"""Postfix as a relay, from Debian's package, with a configuration and a queue of its own. Its master needs root."""

import json
import os
import pwd
import shutil
import signal
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from app.cli.local.children.port_checks import free_port
from tests.support.gateway.client_email import Email
from tests.support.servers.servers import running
from tests.support.smtp.clients.stage import HOST, Account

_MASTER: Final = Path("/usr/lib/postfix/sbin/master")
_WITHIN_S: Final = 30.0
_LOOKS_EVERY_S: Final = 0.05
_QUEUES: Final = (
    *("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "saved", "trace"),
    *("private", "public"),
)
_SETTINGS: Final = """\
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/log/mail.log
maillog_file_prefixes = {directory}
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = relay.example
mydestination =
virtual_mailbox_domains = example.com, example.org
virtual_mailbox_maps = static:box/
virtual_mailbox_base = {directory}/boxes
virtual_uid_maps = static:{user}
virtual_gid_maps = static:{group}
message_size_limit = 102400000
virtual_mailbox_limit = 0
# What is changed for Postern:
relayhost = [{host}]:{port}
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = inline:{{ {{ [{host}]:{port} = {login} }} }}
smtp_sasl_security_options = noanonymous
smtp_tls_security_level = verify
smtp_tls_CAfile = {trusted}
"""
_SERVICES: Final = """\
{listens} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Relay:
    """A running Postfix that gives all that it takes to Postern."""

    directory: Path
    port: int

    def take(self, email: Email) -> None:
        """Have it queue an email."""
        with smtplib.SMTP(HOST, self.port, timeout=30) as client:
            client.sendmail(email.sender, email.to.split(","), email.as_message)

    def reasons(self) -> list[str]:
        """Why each recipient that is queued has not been sent to; empty while there is no reason yet."""
        said = self._command("postqueue", "-j").splitlines()
        return [one.get("delay_reason", "") for line in said for one in json.loads(line)["recipients"]]

    def flush(self) -> None:
        """Have it try again now."""
        self._command("postqueue", "-f")

    def bounces(self) -> list[str]:
        """The reports that the senders got."""
        return [file.read_text(encoding="utf-8", errors="replace") for file in self.directory.glob("boxes/box/new/*")]

    def _command(self, program: str, *words: str) -> str:
        command = [program, "-c", str(self.directory / "etc"), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


@contextmanager
def relay_to(account: Account) -> Iterator[Relay]:
    """Run it for this account; skip the test where it is not installed, or may not be run."""
    if not _MASTER.exists() or shutil.which("postqueue") is None:
        pytest.skip("Postfix is not installed")
    if os.geteuid():
        pytest.skip("Postfix runs as root only")
    with tempfile.TemporaryDirectory(prefix="postern-postfix-") as name:
        directory, owner, port = Path(name), pwd.getpwnam("postfix"), free_port()
        _lay_out(directory, owner, account, port)
        command = (str(_MASTER), "-c", str(directory / "etc"), "-d")
        with running(command, log=directory / "output", is_up=lambda: _is_up(port), stop=signal.SIGTERM):
            yield Relay(directory, port)


def _lay_out(directory: Path, owner: pwd.struct_passwd, account: Account, port: int) -> None:
    """What `postfix start` would make, but for links to the system's own."""
    directory.chmod(0o755)
    for one in ("etc", "queue", "log", "queue/pid"):
        (directory / one).mkdir()
    for one in ("data", "boxes", *(f"queue/{name}" for name in _QUEUES)):
        (directory / one).mkdir(mode=0o755 if one in {"boxes", "queue/public"} else 0o700)
        shutil.chown(directory / one, owner.pw_uid, owner.pw_gid)
    trusted = Path(shutil.copy(account.trusted, directory / "etc" / "trusted.pem"))
    settings = _SETTINGS.format(
        directory=directory,
        user=owner.pw_uid,
        group=owner.pw_gid,
        host=HOST,
        port=account.port,
        login=f"{account.user}:{account.password}",
        trusted=trusted,
    )
    (directory / "etc" / "main.cf").write_text(settings, encoding="utf-8")
    (directory / "etc" / "master.cf").write_text(_SERVICES.format(listens=f"{HOST}:{port}"), encoding="utf-8")


def _is_up(port: int) -> bool:
    with suppress(OSError, smtplib.SMTPException), smtplib.SMTP(HOST, port, timeout=5):
        return True
    return False


def until(true: Callable[[], object]) -> None:
    """Wait until it is true."""
    end = time.monotonic() + _WITHIN_S
    while not true():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(_LOOKS_EVERY_S)
