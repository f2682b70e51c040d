"""The alerts of Prometheus and the dashboard of Grafana use figures that exist, and each alert has its runbook."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

CHECKOUT: Final = Path(__file__).resolve().parents[3]
PROMETHEUS: Final = CHECKOUT / "deploy" / "prometheus"
RUNBOOKS: Final = CHECKOUT / "docs" / "runbooks.md"
DASHBOARD: Final[dict[str, Any]] = json.loads((CHECKOUT / "deploy" / "grafana" / "postern.json").read_text())
RULES: Final[list[dict[str, Any]]] = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "postern.rules.yaml").read_text())["groups"]
    for rule in group["rules"]
]
CASES: Final[list[dict[str, Any]]] = yaml.safe_load((PROMETHEUS / "postern.tests.yaml").read_text())["tests"]


def figures() -> set[str]:
    """The figures of the table in docs/operations.md, which another test holds to what `/metrics` has."""
    return set(re.findall(r"`(postern_[a-z_]+)", (CHECKOUT / "docs" / "operations.md").read_text()))


def used(expression: str) -> set[str]:
    """The figures of an expression; a histogram is asked for by its buckets."""
    return {name.removesuffix("_bucket") for name in re.findall(r"\bpostern_[a-z_]+", expression)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_watches_figures_that_exist(rule: dict[str, Any]) -> None:
    """A figure that was renamed would leave an alert that never fires."""
    assert used(rule["expr"]) <= figures()
    assert used(rule["expr"]) or rule["expr"].startswith("up{")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_leads_to_its_runbook(rule: dict[str, Any]) -> None:
    """It says how bad it is, and its heading is there."""
    assert rule["labels"]["severity"] in {"warning", "critical"}
    page, _, heading = rule["annotations"]["runbook_url"].partition("#")
    assert CHECKOUT / page == RUNBOOKS
    assert heading == rule["alert"].lower()
    assert f"\n## {rule['alert']}\n" in RUNBOOKS.read_text()


def test_every_runbook_belongs_to_an_alert() -> None:
    """In the order of the alerts."""
    assert re.findall(r"^## (.+)$", RUNBOOKS.read_text(), re.MULTILINE) == [rule["alert"] for rule in RULES]


def test_every_alert_is_tested_both_ways() -> None:
    """One case in which it fires, and one in which it is quiet."""
    cases = [one for case in CASES for one in case["alert_rule_test"]]
    assert {one["alertname"] for one in cases if one["exp_alerts"]} == {rule["alert"] for rule in RULES}
    assert {one["alertname"] for one in cases if not one["exp_alerts"]} == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: str(panel["title"]))
def test_a_panel_shows_figures_that_exist(panel: dict[str, Any]) -> None:
    """And says what it means."""
    assert panel["description"].endswith(".")
    for target in panel["targets"]:
        assert used(target["expr"])
        assert used(target["expr"]) <= figures()


def test_no_two_panels_lie_on_each_other() -> None:
    """Each has a place of its own in the 24 columns."""
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in DASHBOARD["panels"]):
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert all(x < 24 for x, _ in cells)
        taken |= cells
