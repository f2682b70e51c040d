"""The whole simulator, listening in the current event loop or in a thread of its own."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from simulator.http.server import HttpServer
from simulator.options import Options
from simulator.sns.signing import CERTIFICATE_FILE
from simulator.wiring import LEDGER_FILE, build

START_SECONDS = 30.0


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[int]:
    """Run a simulator in the current loop and yield the port on which it listens. Raises OSError when it cannot."""
    parts = build(options)
    server = HttpServer(parts.front.answer)
    try:
        port = await server.listen(options.host, options.port)
        writing = asyncio.get_running_loop().create_task(parts.ledger.write_groups())
        try:
            yield port
        finally:
            await server.close()
            await parts.background_work.cancel()
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
    finally:
        parts.poster.close()
        parts.ledger.close()


class Simulator:
    """A simulator in a thread of its own, for tests: `with Simulator(Options(data=path)) as simulator: …`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.port = 0
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        self._listening = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)

    @property
    def url(self) -> str:
        """The endpoint for boto3, for every service."""
        return f"http://{self.options.host}:{self.port}"

    @property
    def certificate_path(self) -> Path:
        """The PEM file of the certificate with which notifications are signed."""
        return self.options.data / CERTIFICATE_FILE

    @property
    def ledger_path(self) -> Path:
        """The ledger, one JSON object per line."""
        return self.options.data / LEDGER_FILE

    def start(self) -> Self:
        """Return once it listens. Raises the error that kept it from listening."""
        self._thread.start()
        if not self._listening.wait(START_SECONDS):
            raise TimeoutError("the simulator did not start in time")
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """Stop listening, cancel background work, close the ledger."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as failure:  # noqa: BLE001 - carried over to the thread that waits in start()
            self._failure = failure
            self._listening.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        async with running(self.options) as self.port:
            self._listening.set()
            await self._stopping.wait()
