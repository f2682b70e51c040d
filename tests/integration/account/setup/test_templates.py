"""Templates: what CloudFormation accepts, and that they make the same resources as `ses apply`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from app.domain.account.setup import cloudformation, terraform
from app.domain.account.setup.choices import Choices, drawn
from app.domain.account.setup.plan import is_pending
from simulator import Options, Simulator
from tests.support.aws.setup.account_setup import REGION, account_at, apply, setup_at
from tests.support.aws.setup.deployments import IRELAND, deployment
from tests.support.aws.setup.template_stacks import make_cloudformation_stack, make_terraform_stack

_NO_SNAPSHOTS: Final = "I3011"
"""It asks for policies that keep what a stack removes. Queues and identities have no snapshots."""
_MOST_DIFFERENT: Final = [
    deployment(place=cloudformation.HERE, domains=()),
    deployment(place=cloudformation.HERE, url="", sqs=True),
    deployment(place=cloudformation.HERE, sqs=True, archive=True, domains=("example.com", "mail.example.org")),
]
"""Each property of each resource is in one of them."""


_CHOICES: Final = [
    Choices(domains=("example.com",), url="http://127.0.0.1:9"),
    Choices(domains=("example.com",), sqs=True),
    Choices(domains=("example.com", "mail.example.org"), url="http://127.0.0.1:9", sqs=True, archive=True),
]


def _cloudformation_stack(url: str, choices: Choices) -> None:
    template = json.loads(json.dumps(cloudformation.cloudformation(drawn(choices, cloudformation.HERE))))
    make_cloudformation_stack(url, template, IRELAND)


def _terraform_stack(url: str, choices: Choices) -> None:
    configuration = json.loads(json.dumps(terraform.terraform(drawn(choices, terraform.HERE))))
    make_terraform_stack(url, configuration, IRELAND)


def test_cloudformation_accepts_every_template(tmp_path: Path) -> None:
    """AWS's own linter finds nothing to complain about. It runs by itself, since it takes seconds to import."""
    files = []
    for number, wanted in enumerate(_MOST_DIFFERENT):
        files.append(tmp_path / f"{number}.json")
        files[-1].write_text(json.dumps(cloudformation.cloudformation(wanted)), encoding="utf-8")
    rules = ["--regions", "eu-west-1", "us-gov-west-1", "--include-checks", "I", "--ignore-checks", _NO_SNAPSHOTS]
    command = [str(Path(sys.executable).with_name("cfn-lint")), *rules, "--", *map(str, files)]
    linted = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


@pytest.mark.parametrize("make", [_cloudformation_stack, _terraform_stack], ids=["CloudFormation", "Terraform"])
@pytest.mark.parametrize("choices", _CHOICES, ids=["HTTPS", "SQS", "both"])
def test_a_stack_from_a_template_is_the_account_that_apply_makes(
    tmp_path: Path, choices: Choices, make: Callable[[str, Choices], None]
) -> None:
    """Resource by resource, tags and policies included; the plan for a stack has nothing to do."""
    options = [Options(data=tmp_path / name, region=REGION) for name in ("applied", "stack")]
    with Simulator(options[0]) as applied, Simulator(options[1]) as stack:
        apply(setup_at(applied.url), choices)
        make(stack.url, choices)
        assert account_at(stack.url) == account_at(applied.url)
        assert [one for one in setup_at(stack.url).plan(Choices()).plan.changes if not is_pending(one)] == []
