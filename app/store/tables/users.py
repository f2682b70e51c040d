"""The tables of the console's users. They are used through `app.store.tables.core`, which imports all tables."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, Uuid

from app.store.engine.database import UtcDateTime
from app.store.tables.metadata import metadata

# A person who signs in to the console. The secret of their codes is sealed as bodies are; `totp_step` is the last step
# of time whose code was used. Issuer and subject are those of an OpenID provider.
users = Table(
    "users",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(8), nullable=False),
    Column("password_hash", Text),
    Column("sealed_totp", LargeBinary),
    Column("sealed_key", LargeBinary),
    Column("totp_step", BigInteger),
    Column("oidc_issuer", String(255)),
    Column("oidc_subject", String(255)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("disabled_at", UtcDateTime),
    Index("ix_users_oidc", "oidc_issuer", "oidc_subject", unique=True),
)

# A signed-in browser. Its token is stored as SHA-256 only: it is 32 random bytes, so a slow hash would protect nothing
# more.
user_sessions = Table(
    "user_sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False, index=True),
    Column("user_agent", String(200), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False, index=True),
)

# A link that signs its user in, once. `replaces_password`: the password ends with it, and the user chooses another.
sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("user_id", Uuid, ForeignKey("users.id"), nullable=False, index=True),
    Column("replaces_password", Boolean, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

# The failures in a row of a name, known or not: `name_key` is its SHA-256.
sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("name_key", LargeBinary, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("locked_until", UtcDateTime),
    Column("last_at", UtcDateTime, nullable=False, index=True),
)
