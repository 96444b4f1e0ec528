"""What `make compose-check` looks at around the stack: who stands in front of it, and who watches it. Each raises CheckFailed."""

import json
import re
import ssl
from collections import Counter
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import yaml
from stack import ROOT, CheckFailed, Stack, console, until

ALERT = "ComposeCheck"
WORKERS = 2
"""Of the stack; beside them is the one for speech."""
_REQUESTS = 200
"""Enough to be counted for some seconds more, and fewer than are served in a minute."""
_ROOT = "$XDG_DATA_HOME/caddy/pki/authorities/local/root.crt"
_SCRAPED_SECONDS = 60.0
_TOLD_SECONDS = 90.0


def write_watchers(folder: Path) -> None:
    """A rule that is always true, and an Alertmanager that tells the check's pager of it at once."""
    rule = {"alert": ALERT, "expr": "vector(1)", "labels": {"severity": "critical"}, "annotations": {"summary": "the check"}}
    (folder / "alerts.check.yml").write_text(json.dumps({"groups": [{"name": "check", "rules": [rule]}]}), encoding="utf-8")
    routes = yaml.safe_load((ROOT / "docker" / "alertmanager.yml").read_text(encoding="utf-8"))
    [now] = [receiver for receiver in routes["receivers"] if receiver["name"] == "now"]
    now["webhook_configs"] = [{"url": "http://pager:8091/"}]
    routes["route"]["group_wait"] = "1s"
    (folder / "alertmanager.yml").write_text(json.dumps(routes), encoding="utf-8")


def check_caddy(stack: Stack, https: str, http: str) -> None:
    """Caddy answers with TLS, leads there, passes news on at once, and says who asks: the API counts people, not Caddy."""
    caddy = stack.one("caddy")
    root = stack.execute_in(caddy, "sh", "-c", f"cat {_ROOT}")
    trust = ssl.create_default_context(cadata=root)
    with httpx.Client(base_url=f"https://{https}", verify=trust, timeout=20.0, trust_env=False) as client:
        answers = [client.get("/v1/queue") for _ in range(_REQUESTS)]
        counted = _counted(stack)
        with client.stream("GET", "/v1/live") as stream:
            first = next(line for line in stream.iter_lines() if line.startswith("event:"))
    led = httpx.get(f"http://{http}/", timeout=20.0, trust_env=False)
    if not all(answer.is_success for answer in answers) or "strict-transport-security" not in answers[0].headers:
        raise CheckFailed(f"Caddy answered {answers[-1].status_code} {answers[-1].text[:300]}")
    if led.status_code != HTTPStatus.PERMANENT_REDIRECT or led.headers["location"] != "https://localhost/":
        raise CheckFailed(f"without TLS Caddy answered {led.status_code} {led.headers.get('location')}")
    own = {address for address in stack.addresses(caddy) if address in counted}
    if own or not counted:
        raise CheckFailed(f"the API counts requests by Caddy as those of {', '.join(sorted(own)) or 'nobody'}")
    console.print(f"Caddy: TLS, HTTP led to it, {first} at once; the API counts {', '.join(sorted(counted))}, not Caddy")


def _counted(stack: Stack) -> set[str]:
    """The addresses whose requests the API counts at this moment."""
    asked = 'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" valkey-cli --scan --pattern "voice:rate:*"'
    printed = stack.execute_in(stack.one("redis"), "sh", "-c", asked)
    return {match[0] for match in re.finditer(r"\d+\.\d+\.\d+\.\d+", printed)}


def check_observers(stack: Stack) -> None:
    """Prometheus hears every process and has every rule; an alert of its goes by Alertmanager to a pager."""
    watcher = stack.one("prometheus")
    expected = Counter(job["job_name"] for job in _file("prometheus.yml")["scrape_configs"]) + Counter(worker=WORKERS)

    def up() -> bool:
        targets = _asked(stack, watcher, "targets?state=active")["activeTargets"]
        return Counter(each["labels"]["job"] for each in targets if each["health"] == "up") == expected

    until(f"Prometheus hears {', '.join(f'{job} × {number}' for job, number in expected.items())}", _SCRAPED_SECONDS, up)
    rules = [rule["name"] for group in _asked(stack, watcher, "rules")["groups"] for rule in group["rules"]]
    missing = {rule["alert"] for group in _file("alerts.yml")["groups"] for rule in group["rules"]} - set(rules)
    if missing:
        raise CheckFailed(f"Prometheus has no rule {', '.join(sorted(missing))}")
    pager = stack.one("pager")
    until(
        f"an alert of {len(rules)} rules reached the pager",
        _TOLD_SECONDS,
        lambda: ALERT in stack.execute_in(pager, "sh", "-c", "cat /tmp/told || true"),
    )


def _asked(stack: Stack, watcher: str, path: str) -> dict[str, Any]:
    printed = stack.execute_in(watcher, "wget", "-q", "-O", "-", f"http://127.0.0.1:9090/api/v1/{path}")
    found: dict[str, Any] = json.loads(printed)["data"]
    return found


def _file(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "docker" / name).read_text(encoding="utf-8"))
    return read
