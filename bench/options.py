"""How much a benchmark does, as the command line says: as usual, quickly, or a number of one's own."""

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """One number: what it is usually, and what it is with `--quick`."""

    name: str
    usual: int
    quick: int
    what: str

    def of(self, given: Namespace) -> int:
        """What was asked for."""
        own: int | None = getattr(given, self.name)
        return own if own is not None else (self.quick if given.quick else self.usual)


def add_transport(parser: ArgumentParser) -> None:
    """By which way mail goes to SES."""
    parser.add_argument("--transport", choices=("boto3", "fast"), default="boto3", help="default boto3, as Postern's")


def add_amounts(parser: ArgumentParser, *amounts: Amount) -> None:
    """An option for each, and `--quick`, which means all of them."""
    for one in amounts:
        told = f"{one.what} (default {one.usual}, quick {one.quick})"
        parser.add_argument(f"--{one.name}", type=int, metavar="N", help=told)
    parser.add_argument("--quick", action="store_true", help="little of everything: it shows that it runs, and no more")
