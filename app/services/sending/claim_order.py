"""Whose turn it is: one lane before the other, and before both the one mail that tries a circuit.

It decides in which order a worker asks for due mail; what a claim takes is decided by `app.store.claims`.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from app.store import circuits, claims
from app.store.claims import Claim, Wanted


def claim_in_turn(connection: Connection, wishes: Sequence[Wanted]) -> Claim:
    """Take what the first of these wishes finds; where a circuit is to be tried, one mail that may pass it.

    As a rule no circuit is to be tried, which is asked with the first wish: a mail that comes alone waits for no
    question of its own.
    """
    claim = _first_of(connection, [replace(wanted, yields_to_probes=True) for wanted in wishes])
    if claim.size:
        return claim
    probe = circuits.take_probe(connection)
    if probe:
        return _first_of(connection, [*(replace(wanted, limit=1, probe=probe) for wanted in wishes), *wishes])
    return claim if claim.dry else _first_of(connection, wishes)


def _first_of(connection: Connection, wishes: Sequence[Wanted]) -> Claim:
    """The first claim that brings something, or yields to a probe. Only the last one can say that nothing is left."""
    for wanted in wishes:
        claim = claims.claim(connection, wanted)
        if claim.size or not claim.dry:
            return claim if wanted is wishes[-1] else replace(claim, dry=False)
    return claims.NOTHING
