"""Visit every world that is reachable within some steps, and check the invariants of each world and each step.

No world is visited twice. For each world it also checks that the emails reach an end once faults stop (I15): then
workers report, the sweepers run, SES's events arrive, and nothing else happens.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.domain.sending.state_machine import WAITING, State
from app.domain.sending.unconfirmed_policy import GIVE_UP_AFTER
from tests.support.state_space.invariants import OF_A_STEP, OF_A_WORLD
from tests.support.state_space.model import AMBIGUOUS, QUIET, Game
from tests.support.state_space.world import Phase, Step, World

I15: Final = "mails_come_to_an_end"
_LONGEST_CALM: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """The result of a search: the number of worlds and steps, and the first broken invariant with the way there."""

    worlds: int
    steps: int
    broken: str | None = None
    way: tuple[str, ...] = ()


def search(game: Game, start: World, *, depth: int, only: str | None = None) -> Walked:
    """Search breadth first, so that the way to a broken invariant is a shortest one. `only` selects one invariant."""
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
                    came_from[step.after] = (world, f"{step.what} {step.email}")
                    reached.append(step.after)
                broken = _broken(world, step) or (_broken_in(game, step.after, calms) if fresh else None)
                if broken and only in {None, broken}:
                    way = (*_way(came_from, world), f"{step.what} {step.email}")
                    return Walked(worlds=len(came_from), steps=steps, broken=broken, way=way)
        edge = reached
    return Walked(worlds=len(came_from), steps=steps)


def _broken(world: World, step: Step) -> str | None:
    return next((rule.__name__ for rule in OF_A_STEP if not rule(world, step)), None)


def _broken_in(game: Game, world: World, calms: set[World]) -> str | None:
    for rule in OF_A_WORLD:
        if not all(rule(world, email) for email in world.emails):
            return rule.__name__
    return None if _comes_to_an_end(game, world, calms) else I15


def _comes_to_an_end(game: Game, world: World, calms: set[World]) -> bool:
    """Return whether all emails reach an end. `calms` are worlds of which that is known."""
    passed = []
    for _ in range(_LONGEST_CALM):
        if world in calms:
            break
        passed.append(world)
        step = next((step for step in _calm(game, world) if step.after != world), None)
        if step is None:
            if any(email.row.state in WAITING - {State.HELD} for email in world.emails):
                return False
            break
        world = step.after
    else:
        return False
    calms.update(passed)
    return True


def _calm(game: Game, world: World) -> Iterator[Step]:
    """Yield the steps that still happen without faults, in order of their delay."""
    for hand in world.hands:
        if not hand.alive:
            yield game.recover(world, hand)
        elif hand.phase is Phase.CLAIMED:
            yield next(game.call(world, hand))
        else:
            yield game.report(world, hand, hand.result or AMBIGUOUS)
    for number, email in enumerate(world.emails):
        for place, call in enumerate(email.calls):
            if call.taken and not call.lost:
                yield game.hear(world, number, place, "send")
        if email.row.state is State.SENDING:
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
