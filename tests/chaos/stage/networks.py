"""The networks of a drill: fault proxies in a process of their own, so that the clients do not slow them down."""

import json
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from app.cli.shell.operated_gateway import CHECKOUT
from simulator.network.proxy import FAIR, Weather


class Networks:
    """Proxies by name. They end with the block, or with this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: list[str] = []
        self._process: subprocess.Popen[str]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simulator.network.proxy_server"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.communicate()

    @property
    def names(self) -> tuple[str, ...]:
        """The proxies that were opened."""
        return tuple(self._names)

    def open_tcp(self, name: str, port: int) -> int:
        """Put a proxy before a server at a loopback port, and return the proxy's port."""
        return self._open(name, {"tcp": ["127.0.0.1", port]})

    def open_unix(self, name: str, path: Path) -> int:
        """The same for a server at a unix socket."""
        return self._open(name, {"unix": str(path)})

    def change(self, name: str, weather: Weather = FAIR) -> None:
        """Set the state of one network from now on."""
        self._ask({"change": name, "weather": asdict(weather)})

    def _open(self, name: str, behind: dict[str, Any]) -> int:
        self._names.append(name)
        return int(self._ask({"open": name, **behind})["port"])

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
            return answer
