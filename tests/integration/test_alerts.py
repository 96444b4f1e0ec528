"""Alerts on recorded numbers, by Prometheus's and Alertmanager's own tools: each in its case, one told a trouble, none without one."""

import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.builders.process_numbers import first_numbers
from tests.integration.alert_cases import GAME_DAY, HEALTHY, MINUTES, OTHERS, AlertCase, Numbers, Values, clock, flat, of, over

DOCKER = Path(__file__).resolve().parents[2] / "docker"
RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for rule in yaml.safe_load((DOCKER / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
}
ROUTING = [
    yaml.safe_load((DOCKER / name).read_text(encoding="utf-8")) for name in ("alertmanager.yml", "alertmanager.example.yml")
]
FIRING = 'group by (alertname) (ALERTS{alertstate="firing"})'
EVER = f'group by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{MINUTES}m]))'
QUIET_MINUTES, RECOVERED = 31, 70
CASES = (*GAME_DAY, *OTHERS)

promtool, amtool = (
    pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed (Debian: apt-get install {package})")
    for name, package in (("promtool", "prometheus"), ("amtool", "prometheus-alertmanager"))
)


def asked(numbers: Numbers, expected: Sequence[tuple[int, str, Iterable[str]]]) -> dict[str, Any]:
    """One test of promtool's: which alerts each expression names in its minute."""
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": " ".join(notation(values))} for name, values in numbers.items()],
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)],
            }
            for minute, expression, names in expected
        ],
    }


def notation(values: Values) -> Iterator[str]:
    """Values as promtool reads them: equal ones in a row are told by their number, those that are missing are a line."""
    for value, same in groupby(values, key=lambda value: None if math.isnan(value) else value):
        times = len(list(same)) - 1
        yield f"{'_' if value is None else repr(value)}x{times}"


def alone(case: AlertCase) -> str:
    """Alerts that ever fired while the one that is told did not: none may."""
    firing = f'group by (alertname) (ALERTS{{alertname!="{case.told}",alertstate="firing"}})'
    told = f'group(ALERTS{{alertname="{case.told}",alertstate="firing"}})'
    return f"group by (alertname) (count_over_time(({firing} unless on () {told})[{MINUTES}m:1m]))"


def fail_unless_as_asked(tmp_path: Path, *tests: dict[str, Any]) -> None:
    """Let promtool run tests of the rules as they are; what it finds otherwise is the failure's text."""
    document = {"rule_files": [str(DOCKER / "alerts.yml")], "evaluation_interval": "1m", "tests": list(tests)}
    path = tmp_path / "tests.yml"
    path.write_text(json.dumps(document), encoding="utf-8")  # which is YAML, too
    done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"


@promtool
def test_each_alert_comes_in_its_case(tmp_path: Path) -> None:
    """With nothing but what follows from it, and never before it."""
    fail_unless_as_asked(
        tmp_path,
        *(
            asked({**HEALTHY, **case.changes}, [(case.at, FIRING, {case.told, *case.follow}), (case.at, alone(case), ())])
            for case in OTHERS
        ),
    )


@promtool
def test_one_alert_comes_and_goes_on_a_game_day(tmp_path: Path) -> None:
    """The same for each of its twelve troubles, and once that is over: what follows from it is over before it, or with it."""
    fail_unless_as_asked(
        tmp_path,
        *(
            asked(
                {**HEALTHY, **{name: over(name, values, case.at + 1) for name, values in case.changes.items()}},
                [
                    (case.at, FIRING, {case.told, *case.follow}),
                    (case.at + RECOVERED, FIRING, ()),
                    (case.at + RECOVERED, alone(case), ()),
                ],
            )
            for case in GAME_DAY
        ),
    )


@promtool
def test_a_healthy_network_is_quiet(tmp_path: Path) -> None:
    """At no time does an alert come."""
    fail_unless_as_asked(tmp_path, asked(HEALTHY, [(MINUTES - 1, EVER, ())]))


@promtool
@pytest.mark.parametrize("minutes_down", [0, 4], ids=["at once", "slowly"])
def test_a_first_start_is_quiet(tmp_path: Path, minutes_down: int) -> None:
    """An empty node: every number as each process really shows it at its start, with no round, no model and no worker yet."""
    fail_unless_as_asked(tmp_path, asked(started(minutes_down), [(QUIET_MINUTES, EVER, ())]))


def started(minutes_down: int) -> dict[str, Values]:
    """The first half hour of an empty node, whose processes answer after some minutes. The chain moves, and the daemons turn."""
    found = {}
    for job, text in first_numbers().items():
        found[of(job, "up")] = flat(0, minutes_down) + flat(1)
        for sample in (each for family in text_string_to_metric_families(text) for each in family.samples):
            own = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            moves = sample.name in ("voice_tick_success_timestamp_seconds", "voice_chain_moved_timestamp_seconds")
            value = 400e9 if sample.name.startswith("voice_disk_") else sample.value  # this machine's disk is no part of it
            found[of(job, sample.name, own)] = clock() if moves else flat(value)
    return found


def test_every_alert_has_a_case() -> None:
    """One in which it is what is told."""
    assert {each.told for each in CASES} == RULES.keys()


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_one_alert_is_told_a_trouble(each: AlertCase) -> None:
    """Alertmanager keeps silent what follows from another that fires."""
    firing = {each.told, *each.follow}
    assert firing - silenced(firing, ROUTING[0]["inhibit_rules"]) == {each.told}


def silenced(firing: set[str], rules: list[dict[str, list[str]]]) -> set[str]:
    """The alerts that an inhibition keeps silent, as Alertmanager decides by matchers that are whole."""
    labels = {name: {"alertname": name, "follows": "", **RULES[name]["labels"]} for name in firing}
    return {
        name
        for rule in rules
        for name in firing
        if matches(rule["target_matchers"], labels[name])
        and any(other != name and matches(rule["source_matchers"], labels[other]) for other in firing)
    }


def matches(matchers: list[str], labels: Mapping[str, str]) -> bool:
    """Whether all of them hold."""
    for matcher in matchers:
        parts = re.fullmatch(r'(\w+) (=|=~) "(.*)"', matcher)
        assert parts is not None, matcher
        name, how, wanted = parts.groups()
        if not (labels[name] == wanted if how == "=" else re.fullmatch(wanted, labels[name])):
            return False
    return True


def test_what_follows_from_what_is_known_to_alertmanager() -> None:
    """Each alert that another follows from silences it; none follows from itself, by any way."""
    follows = {name: set(rule["labels"].get("follows", "").split()) for name, rule in RULES.items()}
    sources = {rule["source_matchers"][0] for rule in ROUTING[0]["inhibit_rules"]}
    assert sources == {f'alertname = "{name}"' for name in set().union(*follows.values())}
    assert set().union(*follows.values()) <= RULES.keys()
    reached = {name: {name} for name in RULES}
    for _ in RULES:
        reached = {name: near.union(*(follows[each] for each in near)) for name, near in reached.items()}
    assert [name for name in RULES if any(name in reached[each] for each in follows[name])] == []


def test_both_files_route_and_silence_alike() -> None:
    """The example differs from what compose starts in its receivers' addresses alone."""
    alike, example = ROUTING
    assert [alike[part] for part in ("route", "inhibit_rules")] == [example[part] for part in ("route", "inhibit_rules")]
    assert [each["name"] for each in alike["receivers"]] == [each["name"] for each in example["receivers"]]


@amtool
@pytest.mark.parametrize(("severity", "receiver"), [("critical", "now"), ("warning", "morning")])
def test_who_is_told_depends_on_the_severity(severity: str, receiver: str) -> None:
    """Both files are such as Alertmanager loads, and it routes by them so."""
    for name in ("alertmanager.yml", "alertmanager.example.yml"):
        file = str(DOCKER / name)
        checked = subprocess.run(["amtool", "check-config", file], capture_output=True, text=True, check=False, timeout=60)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        command = ["amtool", "config", "routes", "test", "--config.file", file, f"severity={severity}", "alertname=Any"]
        assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip() == receiver
