"""`postern demo`: the main job from end to end, on real servers of its own."""

from pathlib import Path

import pytest

from tests.support.servers.cli import last_object, postern

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


@pytest.mark.parametrize("database", ["embedded", "postgresql"])
def test_the_demo_ends_by_itself_and_everything_adds_up(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    """Its last line is one object of counts; its output also has the story of each recipient."""
    chosen, words = {}, ["demo", "--json"]
    if database == "postgresql":
        server = request.getfixturevalue("postgres")
        chosen = {"DATABASE_URL": server.url(server.create_database())}
        words.append("--use-environment")
    played = postern(*words, cwd=tmp_path, **chosen)
    assert played.returncode == 0, played.stderr
    assert played.stdout.count("\n") == 1
    counts = last_object(played.stdout)
    assert counts == COUNTS
    assert {name: type(value) for name, value in counts.items()} == {n: type(v) for n, v in COUNTS.items()}
    for word in ("kim.gone@example.com", "lee.annoyed@example.com", "complained", "suppressed", "they agree"):
        assert word in played.stderr
    assert list(tmp_path.iterdir()) == []
