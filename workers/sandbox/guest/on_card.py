"""A guest on a card: its memory there is bounded before a model is open, and the card's errors are told from a model's own."""

_WORDS = ("CUDA error", "cuDNN error", "CUBLAS_STATUS_", "CUDNN_STATUS_")
"""Of torch, where the driver or its libraries refused; the newer class for it has the first of them, too."""


def bound_memory(most: int) -> None:
    """Begin the card's driver, and let this process take so many bytes of the card at most; raises RuntimeError where it cannot."""
    import torch  # not for guests on the processor

    torch.cuda.set_per_process_memory_fraction(min(1.0, most / torch.cuda.get_device_properties(0).total_memory), 0)
    torch.zeros(1, device="cuda")


def is_of_card(exc: Exception) -> bool:
    """Whether the card, its driver or its libraries failed: the process can use it no more."""
    return isinstance(exc, RuntimeError) and any(word in str(exc) for word in _WORDS)


def took_too_much(exc: Exception) -> bool:
    """Whether more of the card's memory was asked for than there may be. torch is not imported to ask for its class."""
    return type(exc).__name__ == "OutOfMemoryError"
