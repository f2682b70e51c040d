"""`postern demo`: the main job from end to end, on real servers of its own."""

from pathlib import Path
from subprocess import CompletedProcess

from tests.support.gateway.production import in_production, untouched
from tests.support.servers.cli import last_object, postern
from tests.support.servers.servers import Postgres

COUNTS = {
    "accepted": 12,
    "delivered": 9,
    "bounced": 2,
    "complained": 1,
    "suppressed": 2,
    "refused": 2,
    "unsuppressed": 1,
    "sent_again": 1,
    "ledger_agrees": True,
}


def test_the_demo_needs_no_settings_and_leaves_production_alone(
    tmp_path: Path, migrated_postgres_url: str, redis_url: str
) -> None:
    """It uses its own servers, whatever is in `.env` and in the environment."""
    production = in_production(migrated_postgres_url, redis_url)
    production.write_env_file(tmp_path)
    with untouched(production):
        played = postern("demo", "--json", cwd=tmp_path, **production.variables)
    assert_that_it_adds_up(played)
    assert [file.name for file in tmp_path.iterdir()] == [".env"]


def test_the_demo_runs_on_the_chosen_database(tmp_path: Path, postgres: Postgres) -> None:
    """An empty one of PostgreSQL is filled."""
    chosen = postgres.url(postgres.create_database())
    played = postern("demo", "--json", "--use-environment", cwd=tmp_path, DATABASE_URL=chosen)
    assert_that_it_adds_up(played)
    assert list(tmp_path.iterdir()) == []


def assert_that_it_adds_up(played: "CompletedProcess[str]") -> None:
    """It has ended by itself. Its last line is one object of counts; before it comes the story of each recipient."""
    assert played.returncode == 0, played.stderr
    assert played.stdout.count("\n") == 1
    counts = last_object(played.stdout)
    assert counts == COUNTS
    assert {name: type(value) for name, value in counts.items()} == {n: type(v) for n, v in COUNTS.items()}
    for word in ("kim.gone@example.com", "lee.annoyed@example.com", "complained", "suppressed", "they agree"):
        assert word in played.stderr
