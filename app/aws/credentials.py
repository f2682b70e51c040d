"""AWS sessions whose credentials are followed: those of a file are read again once the file changes.

botocore renews the credentials of roles and of web identities by itself, and reads those of a file once. A file that
something else rotates would need a restart of every process. Which source counts is decided by botocore's chain
(https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html).
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import botocore.session
from botocore.credentials import CredentialProvider, Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError

LOOK_EVERY_S: Final = 1.0
_IN_FILES: Final = {"shared-credentials-file": "credentials_file", "config-file": "config_file"}
"""The links of botocore's chain that read a file, and the setting that names it."""


def following_session() -> botocore.session.Session:
    """A session of botocore that follows the files of its credentials."""
    session = botocore.session.get_session()
    chain = session.get_component("credential_provider")
    for method, variable in _IN_FILES.items():
        file = Path(session.get_config_variable(variable)).expanduser()
        chain.insert_before(method, _Followed(chain.get_provider(method), file))
    return session


class FileCredentials(Credentials):
    """The credentials of a file. `read` reads them anew; while the file is being written, the last ones stay."""

    def __init__(
        self,
        first: Credentials,
        file: Path,
        *,
        read: Callable[[], Credentials | None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(first.access_key, first.secret_key, first.token, method=first.method)
        self._file = file
        self._read = read
        self._monotonic = monotonic
        self._frozen = first.get_frozen_credentials()
        self._seen = self._state()
        self._looked_at = monotonic()

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The credentials as the file has them, at most `LOOK_EVERY_S` old."""
        now = self._monotonic()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._look()
        return self._frozen

    def _look(self) -> None:
        state = self._state()
        if state == self._seen:
            return
        try:
            found = self._read()
        except (BotoCoreError, OSError):
            return
        if found is not None:
            self.access_key, self.secret_key, self.token = found.access_key, found.secret_key, found.token
            self._frozen, self._seen = found.get_frozen_credentials(), state

    def _state(self) -> tuple[int, int, int] | None:
        """What changes when the file is written or replaced."""
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


class _Followed(CredentialProvider):
    """A link of the chain whose credentials are followed."""

    def __init__(self, link: Any, file: Path) -> None:
        super().__init__()
        self.METHOD, self.CANONICAL_NAME = link.METHOD, link.CANONICAL_NAME
        self._link = link
        self._file = file

    def load(self) -> Credentials | None:
        found: Credentials | None = self._link.load()
        return FileCredentials(found, self._file, read=self._link.load) if found is not None else None
