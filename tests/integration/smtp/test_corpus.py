"""The door, with every case of `tests/corpus/smtp`: what a client sends is one message or a refusal, and never two."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.smtp.door import Patience
from app.smtp.open_door import make_door
from tests.support.gateway.gateways import settings_for
from tests.support.servers.tls import self_signed
from tests.support.smtp.corpus import (
    CASES,
    HEADER,
    LARGEST,
    PROBE,
    PROBED,
    StrictServices,
    bodies_of,
    codes_of,
    kept,
    octets,
)
from tests.support.smtp.doors import RunningDoor, Talk, serving

BETWEEN_SEGMENTS_S = 0.002


@pytest.fixture(scope="module")
def services() -> StrictServices:
    return StrictServices()


@pytest.fixture(scope="module")
def door(services: StrictServices, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDoor]:
    """A door with TLS, for messages of at most 100,000 octets; it does not know repeats."""
    directory = tmp_path_factory.mktemp("certificate")
    self_signed(directory, "127.0.0.1")
    settings = settings_for("sqlite:///unused.db", "redis://127.0.0.1:1/0", smtp_clear_auth_on_loopback=True)
    settings = settings.model_copy(
        update={
            "smtp_certificate": directory / "certificate.pem",
            "smtp_certificate_key": directory / "key.pem",
            "smtp_knows_repeats": False,
        }
    )
    made = make_door(settings, services.as_services(), patience=Patience())
    with serving(replace(made, rules=replace(made.rules, largest=LARGEST))) as running:
        yield running


@pytest.fixture
def talk(door: RunningDoor, services: StrictServices) -> Iterator[Talk]:
    services.submitted.clear()
    with door.talk() as talk:
        yield talk


@pytest.mark.parametrize("case", CASES)
def test_every_client_of_the_corpus_gets_its_verdict(
    case: dict[str, Any], talk: Talk, services: StrictServices
) -> None:
    """The replies, the messages that are kept, and whether the session goes on are exactly those of the corpus."""
    go_to(case["state"], talk)
    said = [codes_of(reply) for reply in sent(talk, case)]
    said += [codes_of(talk.reply()) for _ in range(len(case["replies"]) - len(said))]
    match case.get("after", "commands"):
        case "commands":
            talk.connected.sendall(PROBE)
            assert codes_of(talk.reply()) == PROBED
        case "waiting":
            talk.connected.shutdown(1)
    assert said == case["replies"]
    if case.get("after", "commands") != "commands":
        assert end_of(talk) == ""
    assert bodies_of(services.submitted) == kept(case)


def go_to(state: str, talk: Talk) -> None:
    """Bring the session where the case begins."""
    match state:
        case "connected":
            return
        case "greeted":
            assert talk.say(b"EHLO client.example").startswith("250 ")
        case "signed in":
            talk.sign_in()
        case "mail":
            talk.sign_in()
            assert talk.say(b"MAIL FROM:<org@example.com>").startswith("250 ")
        case "ready":
            go_to("mail", talk)
            assert talk.say(b"RCPT TO:<ann@example.net>").startswith("250 ")
        case "message":
            talk.begin_message()
        case "body":
            talk.begin_message()
            talk.connected.sendall(HEADER)
        case unknown:
            raise AssertionError(unknown)


def sent(talk: Talk, case: dict[str, Any]) -> Iterator[str]:
    """Send the segments, and yield the replies for which the client waits between them."""
    for number, segment in enumerate(case["send"]):
        if segment is None:
            yield talk.reply()
            continue
        if number:
            time.sleep(BETWEEN_SEGMENTS_S)
        talk.connected.sendall(octets(segment))


def end_of(talk: Talk) -> str:
    """What the server still says before it closes."""
    try:
        return talk.reply()
    except ConnectionResetError:
        return ""


def test_the_corpus_is_of_the_promised_size() -> None:
    """More than eighty cases, each different, and some of them are accepted: a deaf server would pass the others."""
    cases: list[Any] = [parameter.values[0] for parameter in CASES]
    assert len({str((one["state"], one["send"])) for one in cases}) == len(cases) > 200
    assert sum("kept" in one for one in cases) > 30
