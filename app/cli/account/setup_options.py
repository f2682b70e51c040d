"""The options of `ses plan`, `apply`, `destroy` and `template`, and what they work on."""

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from pathlib import Path

from app.cli.shell.command import UsageMistake, parsed_by
from app.cli.shell.operated_gateway import take_from
from app.domain.account.setup.choices import (
    DEFAULT_NAME,
    Choices,
    deployment_name,
    gateway_url,
    sending_domain,
)
from app.services.operating.key_rotation import new_key
from config import Settings, SettingsError, load

REASONS = {"bounce,complaint": ("BOUNCE", "COMPLAINT"), "complaint": ("COMPLAINT",), "none": ()}


def add_choices(parser: ArgumentParser) -> None:
    """What a deployment shall have. Whatever is not said stays as it is at AWS."""
    add_name(parser)
    add_domain(parser, "sending domain, beside those that the deployment has; repeatable")
    add_domain(parser, "a domain that sends no more: its identity is removed; repeatable", option="--drop-domain")
    url = parser.add_mutually_exclusive_group()
    url.add_argument(
        "--url",
        type=parsed_by(gateway_url),
        help="where SNS reaches the gateway, for the HTTPS subscription; default: PUBLIC_URL",
    )
    url.add_argument("--no-url", action="store_true", help="no HTTPS subscription")
    parser.add_argument(
        "--sqs", action=BooleanOptionalAction, help="a queue that the workers read, for gateways without a public URL"
    )
    parser.add_argument("--archive", action=BooleanOptionalAction, help="a queue that keeps a copy of every event")
    parser.add_argument(
        "--suppressed-reasons",
        choices=list(REASONS),
        help="what the suppression list of the account acts on; default: leave it as it is",
    )
    parser.add_argument(
        "--adopt",
        action="append",
        default=[],
        metavar="NAME",
        help="take over a resource of this name that Postern did not make; repeatable",
    )


def add_name(parser: ArgumentParser) -> None:
    """Add `--deployment`."""
    parser.add_argument(
        "--deployment",
        type=parsed_by(deployment_name),
        default=DEFAULT_NAME,
        metavar="NAME",
        help="names and tags the resources (%(default)s)",
    )


def add_domain(parser: ArgumentParser, description: str, *, option: str = "--domain") -> None:
    """Add `--domain`, or another option that takes domains."""
    read = parsed_by(sending_domain)
    parser.add_argument(option, action="append", type=read, default=[], metavar="D", help=description)


def add_setup_data_option(parser: ArgumentParser) -> None:
    """Add `--data`, which works on the simulator of a running `up`."""
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="work on the simulator of this data directory of a running `postern up`; default: on the AWS account of "
        "the environment",
    )


def read_settings(data: Path | None) -> Settings:
    """The settings of the gateway, or of the environment where no gateway is configured yet."""
    if data is not None:
        take_from(data)
        return load()
    try:
        return load()
    except SettingsError:
        # Setting up comes before there are keys. Any other fault of the environment is raised again here.
        return load(secret_keys=new_key())


def read_choices(given: Namespace, *, default_url: str) -> Choices:
    """What the options ask for."""
    contradicting = sorted(set(given.domain) & set(given.drop_domain))
    if contradicting:
        raise UsageMistake(f"{contradicting[0]} cannot be both added and dropped: leave one of the two options out")
    return Choices(
        name=given.deployment,
        domains=tuple(given.domain),
        dropped=frozenset(given.drop_domain),
        url="" if given.no_url else given.url,
        sqs=given.sqs,
        archive=given.archive,
        suppressed_reasons=REASONS[given.suppressed_reasons] if given.suppressed_reasons else None,
        adopt=frozenset(given.adopt),
        default_url=default_url,
    )
