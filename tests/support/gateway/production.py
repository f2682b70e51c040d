"""A gateway as in production: entries on its list, emails that wait, bells; and whether anything changed it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis import Redis
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url

from app.services.apps.authenticate import operator
from tests.support.gateway.emails import submit
from tests.support.gateway.gateways import SECRET_KEY, TOPIC, caller, gateway_on

Snapshot = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Production:
    """Its database and its Redis, which is also its broker."""

    database_url: str
    redis_url: str

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment variables of its processes."""
        return {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "CELERY_BROKER_URL": self.redis_url.replace("unix://", "redis+socket://").replace("db=0", "virtual_host=0"),
            "SECRET_KEYS": SECRET_KEY,
            "SNS_TOPIC_ARNS": TOPIC,
            "SES_CONFIGURATION_SET": "production",
            "PUBLIC_URL": "https://mail.example.com",
            "SES_LIST_SYNC": "both",
            "AWS_REGION": "us-east-1",
        }

    def write_env_file(self, directory: Path) -> None:
        """Write the variables to `.env`, as in the checkout of an operator."""
        lines = [f"{name}='{value}'" for name, value in self.variables.items()]
        (directory / ".env").write_text("\n".join(lines) + "\n")

    def snapshot(self) -> Snapshot:
        """Return its contents: every row of every table, or the bytes of the file, and the lasting keys of Redis."""
        with closing(Redis.from_url(self.redis_url)) as redis:
            keys = {key: redis.dump(key) for key in redis.scan_iter() if redis.ttl(key) == -1}
        return {"redis": keys, "rows": self._rows(), "files": self._files()}

    def _rows(self) -> Snapshot:
        engine = create_engine(self.database_url)
        with engine.connect() as connection:
            names = inspect(connection).get_table_names()
            rows = {name: sorted(map(repr, connection.execute(text(f"SELECT * FROM {name}")))) for name in names}
        engine.dispose()
        return rows

    def _files(self) -> dict[str, bytes]:
        url = make_url(self.database_url)
        if url.get_backend_name() != "sqlite":
            return {}
        file = Path(url.database or "")
        return {one.name: one.read_bytes() for one in sorted(file.parent.iterdir()) if one.is_file()}


@contextmanager
def untouched(production: Production) -> Iterator[None]:
    """Assert that the block changes nothing in `production`."""
    before = production.snapshot()
    assert len(before["rows"]["recipients"]) == 3
    assert before["redis"]
    yield
    assert production.snapshot() == before


def in_production(database_url: str, redis_url: str) -> Production:
    """Fill a migrated database with the data of a gateway in production."""
    with gateway_on(database_url, redis_url) as gateway:
        sender = caller(gateway)
        gateway.suppress.add(operator("test"), "kim@example.net", reason="By phone.")
        for name in ("ann", "ben", "cleo"):
            submit(gateway, sender, f"{name}@example.net")
    with closing(Redis.from_url(redis_url)) as redis:
        redis.lpush("transactional", "a bell that no other process may take")
    return Production(database_url, redis_url)
