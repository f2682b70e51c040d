"""How a plan and its next steps are shown."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.markup import escape

from app.cli.shell.terminal import Terminal
from app.domain.account.setup.blueprint import Deployment
from app.domain.account.setup.dns_records import DnsRecord, Standing
from app.domain.account.setup.permissions import policy_of_processes, policy_of_setup
from app.domain.account.setup.plan import Action, Change, Plan
from app.domain.account.setup.resources import Kind, Resource
from app.services.account.setup import NextSteps, Planned


def show_plan(planned: Planned, terminal: Terminal, *, stand_in: str) -> None:
    """The account, each change with its reason, and a summary. `stand_in` is empty for AWS itself."""
    plan = planned.plan
    where = f", in the simulator at {stand_in}" if stand_in else ""
    terminal.say(
        escape(f"Deployment {plan.deployment}, account {plan.place.account}, region {plan.place.region}{where}.\n")
    )
    terminal.table(("", "resource", "name", "reason"), map(_row, plan.changes), empty="Nothing to do: all is there.")
    if plan.work:
        counts = {sign: sum(one.action is sign for one in plan.work) for sign in Action}
        terminal.say(
            f"{counts[Action.MAKE]} to make, {counts[Action.CHANGE]} to change, {counts[Action.REMOVE]} to remove."
        )


def show_change(change: Change, terminal: Terminal) -> None:
    """One change, as it is made."""
    terminal.say(escape(f"{change.action} {change.resource.kind} {short_name(change.resource)}"))


def show_next_steps(steps: NextSteps, wanted: Deployment, terminal: Terminal) -> None:
    """Which records to publish, which lines `.env` needs, and which policy the processes."""
    if steps.dns:
        terminal.say("\nDNS records to publish, as lines of a zone; SES looks for them by itself:\n")
        for record, found in steps.dns:
            remark = "" if found is Standing.NOT_ASKED else f" ; {found}"
            terminal.say(escape(f"  {record.line}{remark}"))
    terminal.say("\nSet for web, workers and beat:\n")
    for name, value in steps.env.items():
        terminal.say(escape(f"  {name}={value}"))
    terminal.say("\nWhat they may do, as a policy of their role or user:\n")
    show_policy(policy_of_processes(wanted), terminal)


def show_policy(policy: Mapping[str, Any], terminal: Terminal) -> None:
    """An IAM policy."""
    terminal.say(escape(json.dumps(policy, indent=2)))


def plan_as_json(planned: Planned) -> dict[str, Any]:
    """A plan for a program."""
    plan: Plan = planned.plan
    return {
        "deployment": plan.deployment,
        **asdict(plan.place),
        "to_do": len(plan.work),
        "changes": [
            {
                "action": str(one.action),
                "kind": str(one.resource.kind),
                "name": one.resource.name,
                "reason": one.reason,
                "differences": [asdict(difference) for difference in one.differences],
            }
            for one in plan.changes
        ],
        "policies": {"processes": policy_of_processes(planned.wanted), "setup": policy_of_setup(planned.wanted)},
    }


def steps_as_json(steps: NextSteps) -> dict[str, Any]:
    """The next steps for a program."""
    return {"dns": [_record(record) | {"standing": str(found)} for record, found in steps.dns], "env": steps.env}


def short_name(resource: Resource) -> str:
    """The name of a resource without the parts of an ARN that all share."""
    is_queue = resource.kind is Kind.SUBSCRIPTION and resource.name.startswith("arn:")
    return f"queue {resource.name.rpartition(':')[2]}" if is_queue else resource.name


def _row(change: Change) -> tuple[str, str, str, str]:
    lines = [change.reason, *map(str, change.differences)]
    return str(change.action), str(change.resource.kind), short_name(change.resource), "\n".join(lines)


def _record(record: DnsRecord) -> dict[str, str]:
    return {"name": record.name, "type": str(record.type), "value": record.value, "line": record.line}
