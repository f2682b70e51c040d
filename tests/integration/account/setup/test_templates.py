"""Templates: what CloudFormation accepts, and that they make the same resources as `ses apply`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from app.domain.account.setup import cloudformation
from tests.support.aws.setup.deployments import deployment

_NO_SNAPSHOTS: Final = "I3011"
"""It asks for policies that keep what a stack removes. Queues and identities have no snapshots."""
_MOST_DIFFERENT: Final = [
    deployment(place=cloudformation.HERE, domains=()),
    deployment(place=cloudformation.HERE, url="", sqs=True),
    deployment(place=cloudformation.HERE, sqs=True, archive=True, domains=("example.com", "mail.example.org")),
]
"""Each property of each resource is in one of them."""


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
