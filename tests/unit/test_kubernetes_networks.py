"""Who may talk to whom in docker/k8s: the edges of docker-compose.yml's networks, and no other."""

import ipaddress
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from tests.builders.cluster import EVERY, PODS, RENDERED, container_of, each_pod, environment, service_of
from tests.builders.kustomize import pod_of

OUTSIDE = ("chain", "hub")
"""Compose's networks that lead out."""


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    missing = {each["key"] for each in selector.get("matchExpressions", []) if each["operator"] == "DoesNotExist"}
    assert len(missing) == len(selector.get("matchExpressions", []))  # no other operator is known here
    return selector.get("matchLabels", {}).items() <= labels.items() and not missing & labels.keys()


def _labels(name: str) -> dict[str, str]:
    pod = pod_of(PODS[name])
    assert pod is not None
    labels: dict[str, str] = pod["metadata"]["labels"]
    return labels


def _rules(name: str, direction: str) -> Iterator[tuple[dict[str, Any], int]]:
    """What policies let a pod do in a direction: each peer, with a port."""
    peers = {"ingress": "from", "egress": "to"}[direction]
    for (kind, _), each in EVERY.items():
        if kind == "NetworkPolicy" and _selects(each["spec"]["podSelector"], _labels(name)):
            asked = direction.capitalize() in each["spec"]["policyTypes"]  # or its rules count for nothing
            for rule in each["spec"].get(direction, []) if asked else []:
                yield from ((peer, port["port"]) for peer, port in product(rule[peers], rule["ports"]))


def _lets(name: str, direction: str, other: str) -> set[int]:
    """The ports at which a pod's own policies let it talk to another pod of the namespace, in a direction."""
    inside = [(peer, port) for peer, port in _rules(name, direction) if set(peer) == {"podSelector"}]
    return {port for peer, port in inside if _selects(peer["podSelector"], _labels(other))}


def test_everybody_is_alone_at_first() -> None:
    """A policy for every pod allows nothing, in both directions."""
    assert EVERY["NetworkPolicy", "nobody"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_each_edge_is_one_of_compose() -> None:
    """Who shares a network of compose's with a server reaches its port here, and nobody else: each side's policies say so by themselves."""
    ports = {"database": ("postgres", 5432), "redis": ("redis", 6379), "api": ("api", 8000)}
    wanted = {
        (name, server, port)
        for name in PODS
        for network in service_of(name)["networks"]
        for server, port in [ports.get(network, (name, 0))]
        if server != name
    }

    pairs = [(client, server) for client, server in product(PODS, PODS) if client != server]
    assert {(client, server, port) for client, server in pairs for port in _lets(client, "egress", server)} == wanted
    assert {(client, server, port) for client, server in pairs for port in _lets(server, "ingress", client)} == wanted


def test_a_peer_is_of_a_kind_that_is_looked_at() -> None:
    """Pods of the namespace, namespaces that are labelled, the cluster's names, and addresses, to which policies only let out."""
    kinds = {
        direction: {frozenset(peer) for name in PODS for peer, _ in _rules(name, direction)}
        for direction in ("ingress", "egress")
    }
    pods, namespaces = frozenset({"podSelector"}), frozenset({"namespaceSelector"})

    assert kinds == {"ingress": {pods, namespaces}, "egress": {pods, pods | namespaces, frozenset({"ipBlock"})}}


@each_pod
def test_who_leads_out_in_compose_leads_out_here(name: str) -> None:
    """To the chain, the hub and the store, never to an address of the cluster, a private network, or a cloud's own metadata."""
    out = [(peer["ipBlock"], port) for peer, port in _rules(name, "egress") if "ipBlock" in peer]
    leads_out = bool(set(OUTSIDE) & set(service_of(name)["networks"])) or "VOICE_STORE" in environment(name)

    asked = {each: f"voice-subnet/{each}" in _labels(name) for each in (*OUTSIDE, "store")}
    in_compose = {each: each in service_of(name)["networks"] for each in OUTSIDE}
    assert asked == in_compose | {"store": "VOICE_STORE" in environment(name)}
    assert {port for _, port in out} == (
        {443, 9944} if "chain" in service_of(name)["networks"] else {443} if leads_out else set()
    )
    for block, _ in out:
        assert {"0.0.0.0/0": {"10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}, "::/0": {"fc00::/7"}}[
            block["cidr"]
        ] <= set(block["except"])


@each_pod
def test_who_reaches_nobody_asks_for_no_name_either(name: str) -> None:
    """All ask the cluster for names, but what holds the validator's key and the service key at once."""
    asks = [(peer, port) for peer, port in _rules(name, "egress") if "namespaceSelector" in peer]
    names = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }

    assert asks == ([] if service_of(name)["networks"] == ["nowhere"] else [(names, 53)] * 2)


@each_pod
def test_from_outside_come_the_proxy_and_prometheus(name: str) -> None:
    """Each from a namespace that an operator labels; numbers are asked of those who show them in compose."""
    outer = {
        f"{label}={value}": port
        for peer, port in _rules(name, "ingress")
        if "namespaceSelector" in peer
        for [(label, value)] in [peer["namespaceSelector"]["matchLabels"].items()]
    }
    shows = bool({"metrics", "worker-metrics"} & set(service_of(name)["networks"]))

    assert outer == ({"voice-subnet/observes=true": 9100} if shows else {}) | (
        {"voice-subnet/edge=true": 8000} if name == "api" else {}
    )
    assert ("VOICE_METRICS_PORT" in environment(name)) is shows
    assert ({"name": "metrics", "containerPort": 9100} in container_of(name).get("ports", [])) is shows


def test_a_database_outside_is_in_one_private_network() -> None:
    """As the overlay comes, until an operator names another: nobody who may ask the database may ask the internet by that."""
    policies = {
        each["metadata"]["name"]: each for each in RENDERED["overlays/external-postgres"] if each["kind"] == "NetworkPolicy"
    }
    [rule] = policies["database-clients"]["spec"]["egress"]
    [network] = [ipaddress.ip_network(peer["ipBlock"]["cidr"]) for peer in rule["to"]]

    assert (network.is_private, network.prefixlen, rule["ports"]) == (True, 24, [{"port": 5432}])
