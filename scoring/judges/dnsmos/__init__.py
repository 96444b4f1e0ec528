"""DNSMOS: Microsoft's opinion networks P.808 and P.835, rebuilt in torch."""
