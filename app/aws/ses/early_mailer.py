"""SES by the fast transport, without waiting: a call is begun, and its answer is read once a part of it is there.

What an answer proves is decided in `app.aws.ses.mailer`. This module has no thread and no loop of its own.
"""

from collections.abc import Callable

from app.aws.ses.connections import Exchange, HttpResponse
from app.aws.ses.fast_client import FastSesClient
from app.aws.ses.mailer import Pending, SesMailer, classify, proven
from app.domain.sending.call_outcome import Envelope, Outcome


class FastMailer(SesMailer):
    """See `app.aws.ses.mailer.EarlyMailer`."""

    def __init__(self, client: FastSesClient, *, configuration_set: str | None) -> None:
        super().__init__(client, configuration_set=configuration_set)
        self._fast = client

    def begin(self, envelope: Envelope, *, before_waiting: Callable[[], None]) -> Outcome | Pending:
        """See `EarlyMailer.begin`."""
        try:
            exchange = self._fast.begin(before_waiting, **self.request(envelope))
        except Exception as error:  # noqa: BLE001 - as in `app.aws.ses.mailer.proven`
            return classify(error, envelope)
        return _Begun(self._fast, exchange, envelope)


class _Begun:
    """See `app.aws.ses.mailer.Pending`."""

    def __init__(self, client: FastSesClient, exchange: Exchange, envelope: Envelope) -> None:
        self._client = client
        self._exchange = exchange
        self._envelope = envelope

    @property
    def has_begun(self) -> bool:
        return self._exchange.has_begun

    def fileno(self) -> int:
        return self._exchange.fileno()

    def look(self) -> Outcome | None:
        try:
            read = self._exchange.look()
        except Exception as error:  # noqa: BLE001 - as in `app.aws.ses.mailer.proven`
            return classify(error, self._envelope)
        return None if read is None else self._proven(lambda: read)

    def wait(self) -> Outcome:
        return self._proven(self._exchange.read)

    def give_up(self) -> Outcome:
        return self._proven(self._exchange.give_up)

    def _proven(self, read: Callable[[], HttpResponse]) -> Outcome:
        return proven(lambda: self._client.answer(read()), self._envelope)
