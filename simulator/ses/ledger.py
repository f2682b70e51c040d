"""The ledger: every accepted email, one JSON line per recipient, on disk before the caller is answered.

The chaos tests take it as the truth, so it holds only calls that reached the simulator, and never reads the tested
system.
"""

import array
import asyncio
import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from simulator.options import LedgerSync
from simulator.ses.accepted_email import AcceptedEmail
from simulator.timestamps import iso_millis

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Ledger:
    """An append-only file with an index of its lines in memory.

    A separate thread writes and fsyncs lines that arrive together as one group. `durable()` returns when the lines
    appended before it are on disk.
    """

    def __init__(self, path: Path, sync: LedgerSync) -> None:
        self.path = path
        self._sync = sync
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._ends = array.array("Q")
        self._emails = 0
        self._recipients = 0
        self._by_mode: Counter[str] = Counter()
        self._pending: list[bytes] = []
        self._group = asyncio.Event()
        self._group_in_flight = asyncio.Event()
        self._group_in_flight.set()
        self._work = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._read_back()

    def append(self, email: AcceptedEmail, mode: str) -> None:
        """Add an email, one line per recipient; `mode` says how the caller learns of the acceptance."""
        entry = {
            "time": iso_millis(email.accepted_at),
            "ses_message_id": email.ses_message_id,
            "recipient": "",
            "sender": email.sender,
            "subject": email.subject,
            "configuration_set": email.configuration_set,
            "tags": email.tags,
            "body_sha256": email.body_sha256(),
            "mode": mode,
        }
        for recipient in email.recipients:
            entry["recipient"] = recipient
            self._pending.append(_encode(entry).encode() + b"\n")
        self._count(mode, recipients=len(email.recipients))
        self._work.set()

    async def durable(self) -> None:
        """Return when everything appended so far is as durable as the chosen sync makes it."""
        if self._sync is LedgerSync.EACH:
            self._store(self._take_pending())
        elif self._sync is LedgerSync.GROUP and self._pending:
            await self._group.wait()

    async def written(self) -> None:
        """Return when everything appended so far can be read by `page`."""
        await (self._group if self._pending else self._group_in_flight).wait()

    async def write_groups(self) -> None:
        """Write pending lines, group after group, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            self._work.clear()
            self._group_in_flight, self._group = self._group, asyncio.Event()
            await loop.run_in_executor(self._thread, self._store, self._take_pending())
            self._group_in_flight.set()

    def page(self, *, since: int, limit: int) -> dict[str, Any]:
        """Return at most `limit` entries from line `since` (the first is 0), and the line of the next page."""
        first = max(0, min(since, len(self._ends)))
        last = min(first + max(0, limit), len(self._ends))
        entries = []
        if last > first:
            start = self._ends[first - 1] if first else 0
            lines = os.pread(self._file, self._ends[last - 1] - start, start).splitlines()
            entries = [json.loads(line) for line in lines]
        return {"entries": entries, "next": last, "counts": self.counts()}

    def counts(self) -> dict[str, Any]:
        """Return how many emails and recipients were accepted in all, and how many emails by mode."""
        return {"emails": self._emails, "recipients": self._recipients, "by_mode": dict(self._by_mode)}

    def close(self) -> None:
        """Write the pending lines and close the file."""
        self._thread.shutdown(wait=True)
        self._store(self._take_pending())
        os.close(self._file)

    def _take_pending(self) -> list[bytes]:
        lines, self._pending = self._pending, []
        return lines

    def _store(self, lines: list[bytes]) -> None:
        if not lines:
            return
        block = memoryview(b"".join(lines))
        while block:
            block = block[os.write(self._file, block) :]
        if self._sync is not LedgerSync.OFF:
            os.fsync(self._file)
        end = self._ends[-1] if self._ends else 0
        for line in lines:
            end += len(line)
            self._ends.append(end)

    def _read_back(self) -> None:
        end, last_id = 0, None
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    # A crash left the line unfinished, so the caller was never answered.
                    os.ftruncate(self._file, end)
                    break
                end += len(line)
                self._ends.append(end)
                entry = json.loads(line)
                self._recipients += 1
                if entry["ses_message_id"] != last_id:
                    last_id = entry["ses_message_id"]
                    self._count(entry["mode"], recipients=0)

    def _count(self, mode: str, *, recipients: int) -> None:
        self._emails += 1
        self._recipients += recipients
        self._by_mode[mode] += 1
