"""Everything that is in the account, as JSON that is the same for the same account.

It holds no times, no random ids and no messages, so that tests can compare the account before and after.
"""

from dataclasses import dataclass
from typing import Any

from simulator.ses.account import Account
from simulator.ses.configuration_sets import ConfigurationSet, ConfigurationSets
from simulator.ses.identities import Identity
from simulator.sns.topics import Subscription, Topic, Topics
from simulator.sqs.queues import Queues

Described = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What the account holds, visible to calls or not."""

    account: Account
    configuration_sets: ConfigurationSets
    topics: Topics
    queues: Queues

    def described(self) -> Described:
        """Return every resource by its kind and name, with what was set and its tags."""
        return {
            "account": {
                "enforcement": self.account.enforcement.value,
                "production_access": self.account.production_access,
                "sending_enabled": self.account.sending_enabled,
                "suppressed_reasons": sorted(self.account.suppressed_reasons),
            },
            "identities": {one.name: _identity(one) for one in self.account.identities.all()},
            "configuration_sets": {one.name: _configuration_set(one) for one in self.configuration_sets.all()},
            "topics": {one.arn: self._topic(one) for one in self.topics.all()},
            "queues": {
                one.arn: {"attributes": _sorted(one.attributes), "tags": _sorted(one.tags)} for one in self.queues.all()
            },
        }

    def _topic(self, topic: Topic) -> Described:
        subscriptions = [_subscription(one) for one in self.topics.subscriptions(topic.arn)]
        return {
            "attributes": _sorted(topic.attributes),
            "tags": _sorted(topic.tags),
            "subscriptions": sorted(subscriptions, key=lambda one: (one["protocol"], one["endpoint"])),
        }


def _identity(identity: Identity) -> Described:
    return {
        "verification": identity.verification.value,
        "configuration_set": identity.configuration_set,
        "dkim": identity.dkim(),
        "mail_from": identity.mail_from_attributes(),
        "forwards_feedback": identity.forwards_feedback,
        "tags": _sorted(identity.tags),
    }


def _configuration_set(one: ConfigurationSet) -> Described:
    reasons = one.suppressed_reasons
    return {
        "delivery": one.delivery,
        "reputation_metrics": one.reputation_metrics,
        "sending_enabled": one.sending_enabled,
        "suppressed_reasons": sorted(reasons) if reasons is not None else None,
        "others": one.others,
        "destinations": {name: one.destinations[name].definition for name in sorted(one.destinations)},
        "tags": _sorted(one.tags),
    }


def _subscription(subscription: Subscription) -> Described:
    return {
        "protocol": subscription.protocol,
        "endpoint": subscription.endpoint,
        "confirmed": subscription.confirmed,
        "attributes": _sorted(subscription.attributes),
    }


def _sorted(pairs: dict[str, str]) -> dict[str, str]:
    return dict(sorted(pairs.items()))
