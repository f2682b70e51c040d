"""`postern ses template`: the resources of `ses apply` as a file for CloudFormation or Terraform."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.cli.account.setup_options import add_choices, read_choices
from app.cli.shell.command import Command, CommandFailed, UsageMistake
from app.cli.shell.terminal import Terminal
from app.domain.account.setup import cloudformation, terraform
from app.domain.account.setup.blueprint import Deployment
from app.domain.account.setup.choices import drawn
from app.domain.account.setup.resources import Place

FORMATS: dict[str, tuple[Place, Callable[[Deployment], dict[str, Any]]]] = {
    "cloudformation": (cloudformation.HERE, cloudformation.cloudformation),
    "terraform": (terraform.HERE, terraform.terraform),
}


def run(given: Namespace, terminal: Terminal) -> bool:
    """Print the template, or write it to a file."""
    choices = read_choices(given, default_url="")
    if given.suppressed_reasons or given.adopt:
        raise UsageMistake("a template neither changes the account's suppression list nor adopts: leave that out")
    place, write = FORMATS[given.format]
    wanted = drawn(choices, place)
    if not wanted.url and not wanted.sqs:
        raise UsageMistake("say how events come back: --url https://… or --sqs")
    template = write(wanted)
    if given.output:
        try:
            given.output.write_text(json.dumps(template, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise CommandFailed(f"cannot write {given.output}: {error.strerror or error}") from error
        terminal.say(f"Written to {given.output}.")
    elif not given.json:
        print(json.dumps(template, indent=2))
    terminal.answer(template)
    return True


def arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--format", choices=list(FORMATS), required=True)
    add_choices(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="write it here instead of to standard output")


COMMAND = Command(
    words=("ses", "template"),
    summary="write the resources of `ses apply` as a CloudFormation template or a Terraform configuration",
    detail=(
        "For those who make resources from files. It asks AWS nothing. CloudFormation takes the file as it is; for "
        "Terraform, name it postern.tf.json."
    ),
    example="./postern ses template --format cloudformation --domain example.com --url https://mail.example.com",
    arguments=arguments,
    run=run,
)
