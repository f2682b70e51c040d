"""Mutants of the commands that start a gateway of their own: faults that would lead them to the production one."""

from typing import Final

from tests.mutants.mutant import Mutant

_AUTHENTICATE = "tests/integration/apps/test_authenticate.py"
_OWNERSHIP = "tests/integration/cli/test_ownership.py"
_ISOLATED = f"{_OWNERSHIP}::test_an_isolated_process_knows_no_other_gateway[False]"

OF_LOCAL_COMMANDS: Final = (
    Mutant(
        name="a database with content is taken all the same",
        file="app/services/operating/local_ownership.py",
        edits=(
            ("        if self._is_a_strangers_file() and not made_before_marks:\n            return False\n", ""),
            ("            if table_names and not made_before_marks:\n                return False\n", ""),
        ),
        killed_by=f"{_OWNERSHIP}::test_another_gateways_database_is_not_ours[sqlite]",
    ),
    Mutant(
        name="a look at a foreign SQLite file leaves a log beside it",
        file="app/store/operating/local_mark.py",
        edits=(('else "immutable=1"', 'else "mode=ro"'),),
        killed_by=f"{_OWNERSHIP}::test_a_foreign_sqlite_file_is_read_without_a_trace[False]",
    ),
    Mutant(
        name="a Redis with content is taken all the same",
        file="app/cli/local/ownership.py",
        edits=(("            if redis.dbsize():\n", "            if redis.dbsize() < 0:\n"),),
        killed_by=f"{_OWNERSHIP}::test_only_an_empty_redis_is_taken",
    ),
    Mutant(
        name="the processes of up read .env by themselves",
        file="app/cli/shell/operated_gateway.py",
        edits=(('    ENV_FILE: "",\n', ""),),
        killed_by=_ISOLATED,
    ),
    Mutant(
        name="the broker of the environment stays",
        file="app/cli/shell/operated_gateway.py",
        edits=(
            (
                "            del os.environ[name]\n",
                '            if "BROKER" not in name:\n                del os.environ[name]\n',
            ),
        ),
        killed_by=_ISOLATED,
    ),
    Mutant(
        name="a second key replaces the senders",
        file="app/services/apps/issue_keys.py",
        edits=(
            (
                "                wanted.require_alike(owner)\n",
                "                owner = apps.change(connection, app, wanted.said()) or owner\n",
            ),
        ),
        killed_by=f"{_AUTHENTICATE}::test_a_key_that_would_change_its_application_is_refused[sqlite-@example.org]",
    ),
)
