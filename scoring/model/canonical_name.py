"""The one name of a tensor, however it is spelt by the tools that save it. Free of every library: guests read names too."""

_LATER = {".parametrizations.weight.original0": ".weight_g", ".parametrizations.weight.original1": ".weight_v"}
"""How torch's newer weight norm names what its older one named otherwise."""


def canonical_name(name: str, prefix: str = "") -> str:
    """A tensor's name without the prefix that it may begin with, and with weight norm's parts by their older names.

    >>> canonical_name("vits.decoder.conv.parametrizations.weight.original0", "vits.")
    'decoder.conv.weight_g'
    """
    name = name.removeprefix(prefix)
    for ending, older in _LATER.items():
        if name.endswith(ending):
            return name.removesuffix(ending) + older
    return name
