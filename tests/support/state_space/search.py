"""Walk every world that can be reached within some steps, and hold each of them, and each step, to the invariants.

Worlds that were seen are not walked again. It also asks of each world whether its mails come to an end once faults stop
(I15): then workers report, the sweepers run, SES's events arrive, and nothing else happens.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.domain.delivery import WAITING, State
from app.domain.proof import GIVE_UP_AFTER
from tests.invariants import OF_A_STEP, OF_A_WORLD
from tests.model import AMBIGUOUS, QUIET, Game
from tests.world import Phase, Step, World

I15: Final = "mails_come_to_an_end"
_LONGEST_CALM: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What a search came to: how many worlds and steps it saw, and the first broken invariant with the way there."""

    worlds: int
    steps: int
    broken: str | None = None
    way: tuple[str, ...] = ()


def search(game: Game, start: World, *, depth: int, only: str | None = None) -> Walked:
    """Walk breadth first, so that the way to a broken invariant is a shortest one. `only` looks for one invariant."""
    came_from: dict[World, tuple[World, str] | None] = {start: None}
    calms: set[World] = set()
    edge, steps = [start], 0
    for _ in range(depth):
        reached: list[World] = []
        for world in edge:
            for step in game.steps(world):
                steps += 1
                fresh = step.after not in came_from
                if fresh:
                    came_from[step.after] = (world, f"{step.what} {step.mail}")
                    reached.append(step.after)
                broken = _broken(world, step) or (_broken_in(game, step.after, calms) if fresh else None)
                if broken and only in {None, broken}:
                    way = (*_way(came_from, world), f"{step.what} {step.mail}")
                    return Walked(worlds=len(came_from), steps=steps, broken=broken, way=way)
        edge = reached
    return Walked(worlds=len(came_from), steps=steps)


def _broken(world: World, step: Step) -> str | None:
    return next((rule.__name__ for rule in OF_A_STEP if not rule(world, step)), None)


def _broken_in(game: Game, world: World, calms: set[World]) -> str | None:
    for rule in OF_A_WORLD:
        if not all(rule(world, mail) for mail in world.mails):
            return rule.__name__
    return None if _comes_to_an_end(game, world, calms) else I15


def _comes_to_an_end(game: Game, world: World, calms: set[World]) -> bool:
    """`calms`: worlds of which that is known."""
    passed = []
    for _ in range(_LONGEST_CALM):
        if world in calms:
            break
        passed.append(world)
        step = next((step for step in _calm(game, world) if step.after != world), None)
        if step is None:
            if any(mail.row.state in WAITING - {State.HELD} for mail in world.mails):
                return False
            break
        world = step.after
    else:
        return False
    calms.update(passed)
    return True


def _calm(game: Game, world: World) -> Iterator[Step]:
    """What still happens when no fault does, in the order in which one waits for it."""
    for hand in world.hands:
        if not hand.alive:
            yield game.recover(world, hand)
        elif hand.phase is Phase.CLAIMED:
            yield next(game.call(world, hand))
        else:
            yield game.report(world, hand, hand.result or AMBIGUOUS)
    for number, mail in enumerate(world.mails):
        for place, call in enumerate(mail.calls):
            if call.taken and not call.lost:
                yield game.hear(world, number, place, "send")
        if mail.row.state is State.SENDING:
            yield from game.end_lease(world, number)
        for quiet_for in (QUIET, GIVE_UP_AFTER):
            yield from game.reconcile(world, number, quiet_for=quiet_for, caught_up=quiet_for == QUIET)
        yield from game.expire(world, number)
        yield from game.claim(world, number)


def _way(came_from: dict[World, tuple[World, str] | None], world: World) -> tuple[str, ...]:
    way: list[str] = []
    while (earlier := came_from[world]) is not None:
        world, what = earlier
        way.append(what)
    return tuple(reversed(way))
