"""The game day: its whole run, and what it is made of: rules whose times are divided, a pager, faults, and the table of the run."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from tests.builders.processes import ROOT
from tests.builders.storm_run import run_apart
from tests.gameday import page, scaled
from tests.gameday.alerts import Pager
from tests.gameday.faults import FAULTS, FaultName
from tests.gameday.run import RESTORE
from tests.integration.alert_cases import GAME_DAY

RULES = {
    rule["alert"]: rule
    for rule in yaml.safe_load((ROOT / "docker" / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
}


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_fault_is_named_told_once_and_over() -> None:
    """On real processes, with a real Prometheus where there is one. `make game-day` does the same of all twelve in eight minutes."""
    some = [FaultName.POSTGRESQL_DOWN, FaultName.CERTIFICATE]
    status, outcome = run_apart("tests.gameday.run", ["--only", *some, RESTORE], within=280.0)
    assert {name: wrong for name, wrong in outcome["checks"].items() if wrong} == {}
    assert (status, {row["fault"] for row in outcome["rows"]}) == (0, set(some))


def test_a_fault_has_the_alert_that_recorded_numbers_give_it() -> None:
    """All twelve are made, and each is to be told as in the rules' own tests."""
    assert {name.lower(): fault.alert for name, fault in FAULTS.items()} == {case.name.lower(): case.told for case in GAME_DAY}
    assert set(FAULTS) == set(FaultName)


@pytest.mark.parametrize(
    ("expression", "divided"),
    [
        pytest.param("sum(increase(x_total[15m])) > 0", "sum(increase(x_total[15000ms])) > 0", id="a window"),
        pytest.param("max_over_time(up[1d]) == 1", "max_over_time(up[1440000ms]) == 1", id="a day's window"),
        pytest.param(
            'time() - voice_tick_success_timestamp_seconds{job!="dispatcher"} > 900',
            'time() - voice_tick_success_timestamp_seconds{job!="dispatcher"} > 15',
            id="a limit behind labels",
        ),
        pytest.param(
            "max by (queue) (voice_queue_age_seconds) > 300 and x > 300",
            "max by (queue) (voice_queue_age_seconds) > 5 and x > 300",
            id="no other number",
        ),
        pytest.param(
            "min(voice_certificate_expires_timestamp_seconds) - time() < 7 * 86400",
            "min(voice_certificate_expires_timestamp_seconds) - time() < 7 * 86400",
            id="the calendar",
        ),
        pytest.param("min(voice_clock_ahead_seconds) > 120", "min(voice_clock_ahead_seconds) > 120", id="a clock"),
    ],
)
def test_an_expression_looks_back_less_far(expression: str, divided: str) -> None:
    """Windows and the limits of ages are divided by the factor; what goes by the calendar is not."""
    assert scaled.expression(expression, 60) == divided


def test_a_rule_waits_less_long() -> None:
    """Its times are divided, but for that of a process that starts; labels and words stay."""
    down, chain = (scaled.rule(RULES[name], 60) for name in ("ProcessDown", "ChainStandsStill"))
    assert (down["for"], chain["for"], chain["keep_firing_for"]) == ("40000ms", "1000ms", "10000ms")
    same = ("alert", "labels", "annotations")
    assert [chain[name] for name in same] == [RULES["ChainStandsStill"][name] for name in same]


def test_routes_and_inhibitions_stay() -> None:
    """Each receiver gets an address of its own on loopback, the routes' times are divided, and nothing else changes."""
    given = yaml.safe_load((ROOT / "docker" / "alertmanager.yml").read_text(encoding="utf-8"))
    found = scaled.routing(given, 60, "http://127.0.0.1:9")
    assert found["inhibit_rules"] == given["inhibit_rules"]
    assert {each["name"]: each["webhook_configs"][0]["url"] for each in found["receivers"]} == {
        "now": "http://127.0.0.1:9/now",
        "morning": "http://127.0.0.1:9/morning",
    }
    route = found["route"]
    assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("4000ms", "5000ms", "720000ms")
    assert route["routes"][0] == {"matchers": ['severity = "critical"'], "receiver": "now", "repeat_interval": "120000ms"}


def a_message(status: str, *begun: str) -> Mapping[str, Any]:
    """What Alertmanager says of a group of alerts that began then."""
    alerts = [{"fingerprint": "f", "startsAt": moment, "status": status} for moment in begun]
    return {"groupLabels": {"alertname": "HubIsAway"}, "status": status, "alerts": alerts}


def test_an_alert_is_counted_once_for_each_time_that_it_fires() -> None:
    """Repeated messages are one page; after it ended the same alert is another."""
    pager = Pager()
    for message in (a_message("firing", "t1"), a_message("firing", "t1"), a_message("resolved", "t1"), a_message("firing", "t2")):
        pager.told("now", message)
    assert [(each.alert, each.began) for each in pager.pages] == [("HubIsAway", "t1"), ("HubIsAway", "t2")]
    assert pager.firing == {"HubIsAway"}
    pager.told("now", a_message("resolved", "t2"))
    assert pager.firing == set()


def test_the_page_shows_the_kept_run() -> None:
    """The table of docs/operations.md is that of docs/measured/gameday.json, in which each fault was named, told and over."""
    run = json.loads(page.KEPT.read_text(encoding="utf-8"))
    shown = page.PAGE.read_text(encoding="utf-8")
    assert page.rendered(shown, run) == shown
    assert ([row["fault"] for row in run["rows"]], run["left_out"]) == (list(FaultName), [])
    assert run["told"] == {row["fault"]: [row["alert"]] for row in run["rows"]}
    assert [failed for failed in run["checks"].values() if failed] == []
    for row in run["rows"]:
        assert None not in (row["named_after"], row["told_after"], row["well_after"])
    assert [run["restore"][part] for part in ("ledger", "weights")] == [
        run["restore"][f"{part}_again"] for part in ("ledger", "weights")
    ]
