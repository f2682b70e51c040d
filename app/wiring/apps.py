"""The areas `apps` and `users`: applications with their keys and streams, and the people of the console."""

from dataclasses import dataclass

from argon2 import PasswordHasher

from app.services.apps.apps import Apps
from app.services.apps.authenticate import Authenticate
from app.services.apps.budgets import Budgets
from app.services.apps.issue_keys import IssueKeys
from app.services.apps.streams import Streams
from app.services.users.guesses import Guesses
from app.services.users.passwords import Passwords
from app.services.users.sessions import Sessions
from app.services.users.sign_in import SignIn
from app.services.users.users import Users
from app.wiring.foundation import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class AppServices:
    """What the area `apps` offers."""

    authenticate: Authenticate
    apps: Apps
    issue_keys: IssueKeys
    streams: Streams
    budgets: Budgets


@dataclass(frozen=True, slots=True, kw_only=True)
class UserServices:
    """What the area `users` offers."""

    sign_in: SignIn
    sessions: Sessions
    users: Users


def build_apps(ground: Ground) -> AppServices:
    """The services of applications."""
    return AppServices(
        authenticate=Authenticate(database=ground.database),
        apps=Apps(database=ground.database),
        issue_keys=IssueKeys(database=ground.database),
        streams=Streams(database=ground.database, links=ground.links),
        budgets=Budgets(database=ground.database),
    )


def build_users(ground: Ground) -> UserServices:
    """The services of users."""
    database, key_ring = ground.database, ground.key_ring
    passwords, guesses = Passwords(PasswordHasher()), Guesses(database=database)
    return UserServices(
        sign_in=SignIn(database=database, key_ring=key_ring, passwords=passwords, guesses=guesses),
        sessions=Sessions(database=database),
        users=Users(database=database, key_ring=key_ring, passwords=passwords, guesses=guesses),
    )
