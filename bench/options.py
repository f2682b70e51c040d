"""How much a benchmark does: the usual amount, the quick one, or a number from the command line."""

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """One number: its usual value, and its value with `--quick`."""

    name: str
    usual: int
    quick: int
    what: str

    def of(self, given: Namespace) -> int:
        """Return the amount that the command line asks for."""
        own: int | None = getattr(given, self.name)
        return own if own is not None else (self.quick if given.quick else self.usual)


def add_transport(parser: ArgumentParser) -> None:
    """Add the option for the transport to SES."""
    parser.add_argument("--transport", choices=("boto3", "fast"), default="boto3", help="default boto3")


def add_amounts(parser: ArgumentParser, *amounts: Amount) -> None:
    """Add an option for each amount, and `--quick` for all of them."""
    for one in amounts:
        text = f"{one.what} (default {one.usual}, quick {one.quick})"
        parser.add_argument(f"--{one.name}", type=int, metavar="N", help=text)
    parser.add_argument("--quick", action="store_true", help="little of everything; this only shows that it runs")
