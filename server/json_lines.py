"""The log of gunicorn's main process: lines of JSON like those of every other process.

A worker process logs by `app.telemetry` once it has the application, which the main process never imports: a worker
that it starts anew gets the code as it is then.
"""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any

from gunicorn.glogging import Logger


class JsonLines(logging.Formatter):
    """One record as one line: `event`, `level`, `logger` and `timestamp`. Of an exception the type and the stack."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "event": record.getMessage(),
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, stack = record.exc_info
            frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(stack)]
            line["exception"] = {"type": kind.__qualname__, "stack": frames}
        return json.dumps(line, ensure_ascii=False)


class JsonLogger(Logger):  # type: ignore[misc] # gunicorn has no types
    """gunicorn's logger, with lines of JSON."""

    def setup(self, cfg: Any) -> None:
        """As gunicorn sets it up, except for the form of a line."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(JsonLines())
