"""A check before a process starts: whether SECRET_KEYS opens what every process needs.

It keeps no connection, so it may run before forking.
"""

import structlog
from sqlalchemy.exc import ProgrammingError

from app.domain.errors import ServiceUnavailable
from app.store.engine.database import Database
from app.store.engine.pooler import UnexpectedPooler
from app.store.privacy.pseudonyms import Pseudonyms
from app.store.submission.sealing import UnknownSealingKey, Unsealable
from app.wiring.foundation import make_key_ring
from config import Settings, SettingsError

log = structlog.get_logger()


def require_keys(settings: Settings) -> None:
    """Refuse keys that do not open what every process needs, the key of the pseudonyms, and an undeclared pooler.

    If it opens under an older key, it is resealed under the first. While the database is away, which is logged, or not
    migrated, nothing is checked: the check then happens when that key is first needed. Raises `SettingsError`.
    """
    database = Database(settings.database_url, pool_size=1, pooled=settings.database_pooled)
    try:
        Pseudonyms(database, make_key_ring(settings)).renew()
    except UnknownSealingKey as error:
        raise SettingsError(
            f"Postern cannot start: SECRET_KEYS: lacks the key {error.key_id}, which the names of forgotten people are "
            "sealed with; put it back at the end, then see `./postern secret check`."
        ) from error
    except Unsealable as error:
        raise SettingsError(
            "Postern cannot start: the row in the table peppers was altered; bring it back from a backup."
        ) from error
    except ServiceUnavailable as error:
        reason = getattr(error.__cause__, "orig", None)
        if isinstance(reason, UnexpectedPooler):
            raise SettingsError(f"Postern cannot start: {reason}") from error
        log.warning("database_not_usable", detail=database.trouble(error))
    except ProgrammingError:
        return
    finally:
        database.close()
