"""Browsers in words."""

import pytest
from hypothesis import given
from hypothesis.strategies import text

from app.domain.users.devices import device_of

GECKO = "Gecko/20100101 Firefox/145.0"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    "user_agent, device",
    [
        (f"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) {GECKO}", "Firefox on Linux"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36", "Chrome on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) CriOS/142.0 Mobile Safari/604.1", "Chrome on iPhone"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPad"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown browser"),
        ("Lynx on Linux", "Unknown browser on Linux"),
    ],
)
def test_a_browser_and_its_system_are_named(user_agent: str, device: str) -> None:
    """As their own texts look, which name other browsers too."""
    assert device_of(user_agent) == device


@given(text(max_size=300))
def test_a_name_is_one_of_ours_whatever_comes(user_agent: str) -> None:
    """Nothing of the text itself is in it."""
    assert len(device_of(user_agent)) <= len("Samsung Internet on ChromeOS")
