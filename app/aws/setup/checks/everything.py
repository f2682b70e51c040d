"""All checks of the AWS account, in the order in which they are shown. It decides what is asked, and how long."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from app.aws.setup.checks import account, events
from app.aws.setup.checks.clients import AwsClients
from app.aws.setup.checks.guard import Guard
from app.aws.setup.checks.identity import identity, verified_domains
from app.aws.setup.checks.permissions import permissions
from app.aws.setup.checks.queues import queue
from app.aws.setup.checks.subscription import subscription
from app.aws.setup.checks.topic import topic
from app.aws.sns.topic_arn import parse_topic_arn
from app.aws.sqs.queue_url import QueueUrl, parse_queue_url
from app.domain.account.findings import Finding, Group, skipped, unknown, warning, wrong
from app.domain.account.published import Records, published

MOST_SENDERS: Final = 10
"""SES is asked about each of them, once a second."""

Look = Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the account has to have for this gateway. `senders` are None where they could not be read."""

    configuration_set: str
    topic_arns: tuple[str, ...]
    signature_version: int
    public_url: str
    queue_urls: tuple[str, ...]
    senders: tuple[str, ...] | None

    @property
    def queues(self) -> tuple[QueueUrl, ...]:
        """The queues, by what their URLs say."""
        return tuple(map(parse_queue_url, self.queue_urls))


@dataclass(frozen=True, slots=True)
class AwsChecks:
    """Makes the checks. `dns` is None where no records are to be asked for."""

    clients: AwsClients
    dns: Records | None = None
    within_s: float = 120.0
    guard: Guard = field(default_factory=Guard)
    monotonic: Callable[[], float] = time.monotonic

    def __call__(self, wanted: Wanted, *, show: Callable[[str], None] = lambda _: None) -> Iterator[Finding]:
        """The findings, as they come. `show` is called with what is looked at next."""
        ends = self.monotonic() + self.within_s
        for group, name, needs, look in self._checks(wanted):
            if self.monotonic() > ends:
                yield unknown(group, name, f"not looked at within {self.within_s:g} s", "run this again")
                continue
            show(name)
            yield from self.guard.run(group, name, needs=needs, look=look)

    def _checks(self, wanted: Wanted) -> Iterator[tuple[Group, str, str, Look]]:
        clients, name = self.clients, wanted.configuration_set
        yield Group.ACCOUNT, "credentials", "sts", partial(account.credentials, clients)
        yield Group.ACCOUNT, "account", "ses", partial(account.sending, clients)
        tries = partial(permissions, clients, self.guard, topic_arns=wanted.topic_arns, queues=wanted.queues)
        yield Group.PERMISSIONS, "permissions", "ses", tries
        yield Group.IDENTITY, "identities", "ses", partial(self._identities, wanted)
        yield Group.EVENTS, "configuration set", "ses", partial(events.configuration_set, clients, name=name)
        destination = partial(events.event_destination, clients, name=name, topic_arns=wanted.topic_arns)
        yield Group.EVENTS, "event destination", "ses", destination
        if not wanted.topic_arns:
            yield Group.EVENTS, "topic", "sns", _no_topic
        for arn in wanted.topic_arns:
            yield from self._of_topic(wanted, arn)
        for url in wanted.queues:
            look = partial(self._queue, url, wanted.topic_arns)
            yield Group.QUEUES, f"queue {url.name}", "sqs", look
        yield Group.ACCOUNT, "AWS's clock", "clock", partial(account.clock, clients)

    def _of_topic(self, wanted: Wanted, arn: str) -> Iterator[tuple[Group, str, str, Look]]:
        called = parse_topic_arn(arn).name
        look = partial(
            topic,
            self.clients,
            topic_arn=arn,
            signature_version=wanted.signature_version,
            configuration_set=wanted.configuration_set,
        )
        yield Group.EVENTS, f"topic {called}", "sns", look
        subscribed = partial(
            subscription, self.clients, arn, public_url=wanted.public_url, has_queues=bool(wanted.queue_urls)
        )
        yield Group.EVENTS, f"subscription of {called}", "sns", subscribed

    def _queue(self, url: QueueUrl, topic_arns: tuple[str, ...]) -> Iterator[Finding]:
        if self.clients.sqs is None:
            yield skipped(Group.QUEUES, f"queue {url.name}", "SES is a simulator")
            return
        yield from queue(self.clients, url, topic_arns=topic_arns)

    def _identities(self, wanted: Wanted) -> Iterator[Finding]:
        """Of each sender of an application; of every verified domain where an application may use all addresses."""
        if wanted.senders is None:
            yield unknown(Group.IDENTITY, "identities", "the senders of the applications could not be read", "as above")
            return
        senders = list(wanted.senders)
        if "*" in senders:
            senders += verified_domains(self.clients, limit=MOST_SENDERS + 1)
        named = _each_once(senders)
        if not named:
            fix = "make a key for an application: `./postern key create --app NAME --sender @DOMAIN`"
            yield warning(Group.IDENTITY, "identities", "no application has a sender", fix)
        for sender in named[:MOST_SENDERS]:
            look = partial(self._identity, sender)
            yield from self.guard.run(Group.IDENTITY, sender.removeprefix("@"), needs="ses", look=look)
        if len(named) > MOST_SENDERS:
            yield skipped(Group.IDENTITY, "other senders", f"{len(named) - MOST_SENDERS} are not looked at")

    def _identity(self, sender: str) -> Iterator[Finding]:
        checked = identity(self.clients, sender)
        yield from checked.findings
        if checked.identity is None:
            return
        if self.dns is None:
            yield skipped(Group.IDENTITY, f"DNS of {checked.identity.name}", "SES is a simulator")
            return
        yield from published(checked.identity, self.dns, region=self.clients.region)


def _no_topic() -> Iterator[Finding]:
    yield wrong(Group.EVENTS, "topic", "SNS_TOPIC_ARNS is not set", "set it to the topic of SES's events")


def _each_once(senders: Iterable[str]) -> list[str]:
    """The senders without `*`, and without addresses of a domain that is among them itself."""
    named = sorted(set(senders) - {"*"})
    domains = {one for one in named if one.startswith("@")}
    return [one for one in named if one in domains or f"@{one.rpartition('@')[2]}" not in domains]
