"""The embedded Valkey: durable, private, and one per data directory."""

import os
from pathlib import Path

import pytest
from redis import Redis

from app.cli.local.children.embedded_valkey import CannotEmbed, private_directory, socket_path, sole_user_of, valkey
from app.cli.local.children.supervisor import Supervisor


def test_written_data_is_there_after_a_restart(tmp_path: Path) -> None:
    """The broker and the positives survive a stop, and the server never evicts."""
    embedded = valkey(tmp_path / "data")
    for value in (None, b"kept"):
        with Supervisor(tmp_path / "logs", announce=print) as supervisor:
            supervisor.start(embedded.child)
            with Redis.from_url(embedded.redis_url) as client:
                assert client.get("key") == value
                client.set("key", "kept")
                assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    """A data directory deeper than a socket path may be still works, and only its owner may enter."""
    data = tmp_path / ("deep" * 30)
    embedded = valkey(data)
    socket = Path(embedded.redis_url.removeprefix("unix://").removesuffix("?db=0"))
    assert socket.parent != data
    assert socket == socket_path(data, "valkey.sock")
    with Supervisor(tmp_path / "logs", announce=print) as supervisor:
        supervisor.start(embedded.child)
        assert socket.is_socket()
        assert socket.parent.stat().st_mode & 0o777 == 0o700
    socket.parent.rmdir()


def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    """A user with write access to the parent cannot plant a directory by a link."""
    (tmp_path / "theirs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    with pytest.raises((CannotEmbed, FileExistsError)):
        private_directory(tmp_path / "link")


def test_two_gateways_never_share_a_data_directory(tmp_path: Path) -> None:
    """The second one names the directory that is taken; after the first has ended it is free."""
    taken = pytest.raises(CannotEmbed, match="is in use by another postern")
    with sole_user_of(tmp_path), taken, sole_user_of(tmp_path):
        raise AssertionError("both got in")
    with sole_user_of(tmp_path):
        assert os.access(tmp_path / "lock", os.R_OK)
