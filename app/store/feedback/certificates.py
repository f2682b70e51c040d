"""Signing certificates that the processes of the gateway have fetched: a few rows, by URL."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.store.engine.database import now
from app.store.tables.core import signing_certificates


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCertificate:
    """One row. `proof` shows which gateway stored it; this module does not check it."""

    url: str
    pem: bytes
    proof: bytes
    fetched_at: datetime
    valid_until: datetime


_COLUMNS = [signing_certificates.c[name] for name in StoredCertificate.__dataclass_fields__]


def find(connection: Connection, url: str) -> StoredCertificate | None:
    """The row of this URL."""
    row = connection.execute(select(*_COLUMNS).where(signing_certificates.c.url == url)).mappings().first()
    return StoredCertificate(**row) if row else None


def newest(connection: Connection) -> StoredCertificate | None:
    """The row that was fetched last."""
    query = select(*_COLUMNS).order_by(signing_certificates.c.fetched_at.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return StoredCertificate(**row) if row else None


def keep(connection: Connection, certificate: StoredCertificate) -> None:
    """Store it in place of the row of its URL, and delete all rows that are past their dates."""
    values = {name: getattr(certificate, name) for name in StoredCertificate.__dataclass_fields__}
    insert = postgresql_insert if connection.dialect.name == "postgresql" else sqlite_insert
    connection.execute(delete(signing_certificates).where(signing_certificates.c.valid_until < now()))
    connection.execute(
        insert(signing_certificates).values(values).on_conflict_do_update(index_elements=["url"], set_=values)
    )
