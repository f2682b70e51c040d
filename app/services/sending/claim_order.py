"""The order of claims: one lane before the other, and before both the one email that tries a circuit.

This module decides in which order a worker asks for due email. What a claim takes is decided by
`app.store.sending.claims`.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from app.domain.sending.state_machine import State
from app.domain.sending.trying import TEST_LANE
from app.services.moves import Move, note_moves
from app.store.sending import circuits, claims
from app.store.sending.claims import Claim, Wanted


def claim_in_turn(connection: Connection, wishes: Sequence[Wanted]) -> Claim:
    """The first claim of `wishes` that finds something. Where a circuit is to be tried, one email that may pass it.

    As a rule there is no circuit to try. The first wish asks this in its own query, so that a single email costs no
    further query. Test email tries no circuit, since it never reaches SES.
    """
    if wishes[0].lane == TEST_LANE:
        return _first_of(connection, wishes)
    claim = _first_of(connection, [replace(wanted, yields_to_probes=True) for wanted in wishes])
    if claim.size:
        return claim
    probe = circuits.take_probe(connection)
    if probe:
        return _first_of(connection, [*_of_probe(probe, wishes), *wishes])
    return claim if claim.dry else _first_of(connection, wishes)


def _of_probe(probe: str, wishes: Sequence[Wanted]) -> list[Wanted]:
    """One email that no other circuit holds back. If there is none, one that other circuits hold back too.

    Otherwise two circuits that concern the same email would wait for each other forever.
    """
    tries = [replace(wanted, limit=1, probe=probe) for wanted in wishes]
    return [*tries, *(replace(wanted, passes_others=True) for wanted in tries)]


def _first_of(connection: Connection, wishes: Sequence[Wanted]) -> Claim:
    """The first claim that brings something, or yields to a probe. Only the last one can say that nothing is left."""
    for wanted in wishes:
        claim = claims.claim(connection, wanted)
        if claim.suppressed:
            note_moves(connection, [Move(replace(row, state=State.QUEUED), row) for row in claim.suppressed])
        if claim.size or not claim.dry:
            return claim if wanted is wishes[-1] else replace(claim, dry=False)
    return claims.NOTHING
