"""Whether an event is about our own email: its AWS account and configuration set, compared with those we know.

An authentic notification proves the topic, not its publisher. A topic policy that admits more than SES of our own
account lets other accounts publish events about our recipients. So the account and the configuration set that sent the
email are compared with ours, and a person is shown each difference.
"""

from dataclasses import dataclass, replace

from app.domain.feedback.events import SesEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The AWS accounts that send our email, and their configuration sets. With no set given, sets are not compared."""

    accounts: frozenset[str] = frozenset()
    configuration_sets: frozenset[str] = frozenset()

    def and_account(self, account: str) -> "Known":
        """The same, with the account of the topic that a notification came from."""
        return replace(self, accounts=self.accounts | {account})


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that we do not know: `kind` is the kind of the incident, `subject` the value in the event.

    `sets_aside`: the event has no effect until a person has looked at it.
    """

    kind: str
    subject: str
    sets_aside: bool


FOREIGN_ACCOUNT = "foreign_account"
FOREIGN_CONFIGURATION_SET = "foreign_configuration_set"


def difference(ses_event: SesEvent, known: Known, *, is_ours: bool) -> Difference | None:
    """Where the event differs from what we know; None when it names nothing, or only what we know.

    `is_ours`: the event is about an email in our database. An event of another account is never believed. An event of
    another configuration set of our account is believed when its email is ours: the setting has changed since, or the
    sender has a set of its own, and the outcome must not be lost. When the email is not ours, another sender of the
    account sent it.
    """
    account, configuration_set = ses_event.sending_account_id, ses_event.configuration_set
    if account is not None and account not in known.accounts:
        return Difference(FOREIGN_ACCOUNT, account, sets_aside=True)
    if configuration_set is None or not known.configuration_sets or configuration_set in known.configuration_sets:
        return None
    return Difference(FOREIGN_CONFIGURATION_SET, configuration_set, sets_aside=not is_ours)
