"""A RabbitMQ of Debian's package as the broker, with TLS."""

import socket
from contextlib import closing
from pathlib import Path
from typing import Final

from app.cli.local.children.port_checks import free_port
from tests.chaos.stage.machines import Machine
from tests.chaos.stage.site import Site
from tests.infrastructure.pieces.programs import program
from tests.support.servers.tls import self_signed

NAME: Final = "rabbitmq"
_SERVER: Final = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # that on the path insists on a user of its own
_CONFIG: Final = """\
listeners.tcp = none
listeners.ssl.default = 127.0.0.1:{port}
ssl_options.cacertfile = {shown}
ssl_options.certfile = {shown}
ssl_options.keyfile = {secret}
ssl_options.verify = verify_none
default_user = postern
default_pass = {password}
"""
PASSWORD: Final = "pA55word-of-RabbitMQ"


def started_rabbitmq(site: Site) -> str:
    """Start it as the machine `rabbitmq`, and return its URL. Skips the test where the package is missing."""
    program("rabbitmq-server", package="rabbitmq-server")
    folder, port, mapper = site.folder(NAME), free_port(), free_port()
    shown, _ = self_signed(folder, "127.0.0.1")
    secret = folder / "key.pem"
    (folder / "rabbitmq.conf").write_text(_CONFIG.format(port=port, shown=shown, secret=secret, password=PASSWORD))
    env = {
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(mapper),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "NOTIFY_SOCKET": "/dev/null",  # as under systemd the script becomes the server, and does not wait for it
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_NODENAME": f"postern{port}@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
    }
    argv = (program("epmd", package="erlang-base"), "-port", str(mapper), "-address", "127.0.0.1")
    site.start(Machine(name="epmd", argv=argv, log=site.log("epmd"), ready=lambda: _listens(mapper)))
    log = site.log(NAME)
    site.start(Machine(name=NAME, argv=(_SERVER,), env=env, log=log, ready=lambda: _listens(port)))
    return url_of(port, shown)


def url_of(port: int, authority: Path) -> str:
    """The URL of a RabbitMQ at this port, with this authority."""
    return f"amqps://postern:{PASSWORD}@127.0.0.1:{port}//?ssl_ca_certs={authority}"


def version_of_rabbitmq() -> str:
    """The version, as its folder says it."""
    [library] = Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*")
    return library.name.partition("-")[2]


def _listens(port: int) -> bool:
    with closing(socket.socket()) as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
