"""`python -m simulator.proxy_server`: fault proxies as a process, told what to do by lines of JSON on standard input.

Each line is answered with one. `{"open": "ses", "tcp": ["127.0.0.1", 4579]}` or `{"open": "redis", "unix": "/…"}` gives
`{"port"}`; `{"change": "ses", "weather": {"damage": "reset"}}` gives `{}`. It ends with its input. A process of its own
does not slow down what passes through it by whatever else its parent is doing.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from simulator.proxy import Damage, Dial, Weather, tcp, unix
from simulator.proxy_thread import Proxies


def serve(questions: TextIO, answers: TextIO) -> None:
    """Do what each line says, until there are no more."""
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


def _weather(told: Mapping[str, Any]) -> Weather:
    damage = told.get("damage")
    return Weather(
        damage=Damage(damage) if damage else None,
        latency=float(told.get("latency") or 0.0),
        cut_after=told.get("cut_after"),
    )


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
