"""The proxies whose word on who asks is taken."""

import ipaddress
from dataclasses import dataclass

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


_SPELLING_BITS = 96
"""Bits of an IPv6 address before the IPv4 address that it spells."""


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Networks, or single addresses as networks of one."""

    networks: tuple[IpNetwork, ...] = ()

    def __contains__(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self.as_seen)

    @property
    def as_seen(self) -> tuple[IpNetwork, ...]:
        """The networks, those of IPv4 in IPv6's spelling too: so a socket that listens for both sees their addresses."""
        return (*self.networks, *(mapped(network) for network in self.networks if isinstance(network, ipaddress.IPv4Network)))


def mapped(network: ipaddress.IPv4Network) -> ipaddress.IPv6Network:
    """An IPv4 network as IPv6 spells it."""
    return ipaddress.IPv6Network(f"::ffff:{network.network_address}/{_SPELLING_BITS + network.prefixlen}")
