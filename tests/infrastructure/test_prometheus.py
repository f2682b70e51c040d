"""Prometheus itself reads the alerts and the queries of the dashboard, and fires the alerts as their tests say."""

import json
import subprocess
from pathlib import Path

import yaml

from tests.infrastructure.pieces.programs import program
from tests.support.servers.cli import CHECKOUT

RULES = CHECKOUT / "deploy" / "prometheus" / "postern.rules.yaml"
TESTS = CHECKOUT / "deploy" / "prometheus" / "postern.tests.yaml"
DASHBOARD = CHECKOUT / "deploy" / "grafana" / "postern.json"


def promtool(*words: str) -> "subprocess.CompletedProcess[str]":
    tool = program("promtool", package="prometheus")
    return subprocess.run([tool, *words], capture_output=True, text=True, check=False)


def test_every_alert_fires_when_it_has_to_and_only_then() -> None:
    """By the tests beside the rules."""
    done = promtool("test", "rules", str(TESTS))
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_reads_the_rules() -> None:
    """As it does when it starts."""
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_reads_every_query_of_the_dashboard(tmp_path: Path) -> None:
    """As rules, with the interval that Grafana fills in."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"].replace("$__rate_interval", "5m") for panel in panels for target in panel["targets"]]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    done = promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
