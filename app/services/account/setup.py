"""Set up the AWS account of a gateway: plan what is missing, make it, and remove it again.

The state is at AWS: resources are found by their names and by the tag of their deployment. So each step can be stopped
at any moment and run again, and two at once end with the same resources.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from app.aws.setup.account_resources import AccountResources
from app.aws.setup.checks.entrance import Why, why_unconfirmed
from app.domain.account.published import Records
from app.domain.account.setup.blueprint import Deployment, blueprint
from app.domain.account.setup.choices import Choices, chosen, is_reachable_by_aws
from app.domain.account.setup.dns_records import DnsRecord, Standing, standing
from app.domain.account.setup.env_lines import env_lines
from app.domain.account.setup.plan import Action, Change, Plan, changes_to, doable, in_order, is_pending, removals
from app.domain.account.setup.resources import Found, Kind, Place, Resource
from app.domain.account.setup.trouble import SetupStopped
from app.store.engine.clock import host_clock

MOST_ROUNDS: Final = 5
_FIRST_PAUSE_S, _PAUSE_S = 0.05, 1.0
_FIRST_ASKED_AGAIN_S: Final = 2.0
ASK_AGAIN_EVERY_S: Final = 15.0
_BOUNCE: Final = "BOUNCE"

Show = Callable[[Change], None]
Waiting = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, and the deployment that it leads to."""

    choices: Choices
    wanted: Deployment
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class NextSteps:
    """What a person does once the resources are there: records to publish, and lines for `.env`."""

    dns: tuple[tuple[DnsRecord, Standing], ...]
    env: dict[str, str]


class SetUp:
    """Plans, makes and removes deployments. Every method raises `SetupStopped`."""

    def __init__(
        self,
        resources: AccountResources,
        *,
        records: Records | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`records` is the DNS, None where its answers would not count."""
        self._resources = resources
        self._records = records
        self._sleep = sleep
        self._monotonic = monotonic

    def place(self) -> Place:
        """The account and the region that the credentials lead to."""
        return self._resources.place()

    @property
    def stand_in(self) -> str:
        """The URL of what stands in for AWS, empty for AWS itself."""
        return self._resources.stand_in

    def plan(self, choices: Choices) -> Planned:
        """What differs from what is wanted. It changes nothing."""
        place = self._resources.place()
        existing = self._resources.existing(choices.name, place)
        wanted = chosen(choices, existing)
        self._require_a_way_back(wanted)
        resources = blueprint(wanted)
        unwanted = [one for one in blueprint(existing) if one.key not in {other.key for other in resources}]
        found = self._found([*resources, *unwanted], wanted)
        changes = changes_to(resources, found, deployment=wanted.name, adopt=choices.adopt)
        changes += removals(unwanted, found, deployment=wanted.name, reason="not wanted any more")
        plan = Plan(deployment=wanted.name, place=place, changes=in_order(changes))
        return Planned(choices=choices, wanted=wanted, plan=plan)

    def apply(self, planned: Planned, *, show: Show) -> Planned:
        """Do what a plan says, and look again until nothing is left but subscriptions that wait for confirmation.

        `show` is called with each change before it is made. Returns the last look.
        """
        for _ in range(MOST_ROUNDS):
            self._require_nothing_refused(planned.plan)
            work = doable(planned.plan)
            if not work:
                return planned
            for change in work:
                show(change)
                self._do(change, planned.wanted)
            planned = self.plan(planned.choices)
            if doable(planned.plan):
                self._sleep(_PAUSE_S)
        raise SetupStopped("AWS does not show yet what was made, or somebody changes it meanwhile: run this again.")

    def confirm(self, planned: Planned, *, within_s: float, show: Waiting) -> Planned:
        """Wait until the gateway has confirmed its subscription; SNS asks it again now and then.

        `show` is called with the seconds that are left. Returns the last look, in which it may still be pending.
        """
        pending = [one for one in planned.plan.work if is_pending(one)]
        began, pause = self._monotonic(), _FIRST_PAUSE_S
        ask_at = began + _FIRST_ASKED_AGAIN_S
        while not self._are_confirmed(pending, planned.wanted):
            now = self._monotonic()
            left = began + within_s - now
            if left <= 0:
                return planned
            if now >= ask_at:
                ask_at = now + ASK_AGAIN_EVERY_S
                self._ask_again(pending, planned.wanted)
            show(left)
            self._sleep(min(pause, left))
            pause = min(2 * pause, _PAUSE_S)
        return self.plan(planned.choices) if pending else planned

    def plan_removal(self, name: str, domains: tuple[str, ...] = ()) -> Planned:
        """What belongs to this deployment, to be removed. Identities are those of its tag, and of `domains`."""
        place = self._resources.place()
        existing = self._resources.existing(name, place)
        whole = Deployment(
            name=name,
            place=place,
            domains=tuple(dict.fromkeys([*existing.domains, *domains])),
            url=existing.url,
            sqs=True,
            archive=True,
        )
        resources = blueprint(whole)
        changes = removals(
            resources, self._found(resources, whole), deployment=name, reason=f"belongs to the deployment {name}"
        )
        plan = Plan(deployment=name, place=place, changes=tuple(changes))
        return Planned(choices=Choices(name=name), wanted=whole, plan=plan)

    def destroy(self, planned: Planned, *, show: Show) -> None:
        """Remove what such a plan names: the last made goes first, the configuration set with the tags goes last."""
        for change in planned.plan.work:
            show(change)
            self._do(change, planned.wanted)

    def next_steps(self, wanted: Deployment) -> NextSteps:
        """The DNS records and the lines for `.env` of a deployment that is there."""
        queue_url = self._resources.queue_url(wanted.queue) if wanted.sqs else ""
        dns = tuple((one, standing(one, self._records)) for one in self._resources.dns_records(wanted))
        return NextSteps(dns=dns, env=env_lines(wanted, queue_url=queue_url))

    def ses_judges_bounces(self) -> bool:
        """Whether SES's own list acts on bounces, and so on its own reading of them."""
        return _BOUNCE in self._resources.suppressed_reasons()

    def why_unconfirmed(self, wanted: Deployment) -> Why:
        """Why the gateway may not have confirmed its subscription, tried from here."""
        return why_unconfirmed(wanted.url, wanted.topic_arn, now=host_clock())

    def sent_in_a_day(self) -> int:
        """How many recipients the account wrote to in the last 24 hours."""
        return self._resources.sent_in_a_day()

    def _found(
        self, resources: list[Resource] | tuple[Resource, ...], wanted: Deployment
    ) -> dict[tuple[Kind, str], Found]:
        """What is there of these, of which each comes after its parent."""
        found: dict[tuple[Kind, str], Found] = {}
        for one in resources:
            parent = found.get(one.parent_key) if one.parent_key else None
            if one.parent_key and parent is None:
                continue
            seen = self._resources.find(one, wanted)
            if seen is not None:
                found[one.key] = replace(seen, owner=parent.owner) if parent else seen
        return found

    def _do(self, change: Change, wanted: Deployment) -> None:
        match change.action:
            case Action.MAKE:
                self._resources.make(change.resource, wanted)
            case Action.CHANGE:
                names = frozenset(one.name for one in change.differences)
                self._resources.change(change.resource, names, wanted)
            case Action.REMOVE:
                self._resources.remove(change.resource, wanted)
            case Action.USE | Action.REFUSE:
                raise ValueError("neither is work")

    def _ask_again(self, pending: list[Change], wanted: Deployment) -> None:
        for change in pending:
            self._resources.make(change.resource, wanted)

    def _are_confirmed(self, pending: list[Change], wanted: Deployment) -> bool:
        found = (self._resources.find(one.resource, wanted) for one in pending)
        return all(one is not None and one.properties["Confirmed"] for one in found)

    def _require_a_way_back(self, wanted: Deployment) -> None:
        if not wanted.url and not wanted.sqs:
            raise SetupStopped(
                "Events have no way back: pass --url https://…, where SNS reaches the gateway, or --sqs."
            )
        if wanted.url and not is_reachable_by_aws(wanted.url) and not self._resources.stand_in:
            raise SetupStopped(
                f"SNS cannot reach {wanted.url}: pass --url https://…, where it reaches the gateway, or --sqs for a "
                "gateway without a public address."
            )

    def _require_nothing_refused(self, plan: Plan) -> None:
        for change in plan.refused:
            raise SetupStopped(f"The {change.resource.kind} {change.resource.name} {change.reason}.")
