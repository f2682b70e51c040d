"""`python -m simulator.network.proxy_server`: fault proxies as a process, controlled by lines of JSON on its input.

Each line is answered with one. `{"open": "ses", "tcp": ["127.0.0.1", 4579]}` or `{"open": "redis", "unix": "/…"}` gives
`{"port"}`; `{"change": "ses", "weather": {"damage": "reset"}}` gives `{}`. It ends when its input does. In a process of
its own, a proxy is not slowed down by other work of the parent process.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from simulator.network.proxy import Damage, Dial, Weather, tcp, unix
from simulator.network.proxy_thread import Proxies


def serve(questions: TextIO, answers: TextIO) -> None:
    """Carry out each line until the input ends."""
    with Proxies() as proxies:
        for line in questions:
            answers.write(json.dumps(_answer(proxies, json.loads(line))) + "\n")
            answers.flush()


def _answer(proxies: Proxies, asked: Mapping[str, Any]) -> dict[str, Any]:
    if "open" in asked:
        return {"port": proxies.open(str(asked["open"]), _dial(asked))}
    proxies.change(str(asked["change"]), _weather(asked["weather"]))
    return {}


def _dial(asked: Mapping[str, Any]) -> Dial:
    return unix(Path(asked["unix"])) if "unix" in asked else tcp(*asked["tcp"])


def _weather(given: Mapping[str, Any]) -> Weather:
    damage = given.get("damage")
    return Weather(
        damage=Damage(damage) if damage else None,
        latency=float(given.get("latency") or 0.0),
        cut_after=given.get("cut_after"),
    )


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
