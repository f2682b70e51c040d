"""The area `privacy`: forgetting a person."""

from app.services.privacy.forget import Forget
from app.wiring.foundation import Ground


def build_forget(ground: Ground) -> Forget:
    """The service that forgets a person."""
    return Forget(
        database=ground.database,
        writer=ground.list_writer,
        pseudonyms=ground.pseudonyms,
        account=ground.account,
    )
