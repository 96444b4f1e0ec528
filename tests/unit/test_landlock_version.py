"""Which kernels are good enough to keep files from a guest."""

import pytest

from workers.sandbox.guest import landlock


def test_a_kernel_that_lets_files_be_truncated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before version 3, Landlock does not see truncation, so there is no sandbox: the error says what is needed."""
    monkeypatch.setattr(landlock, "abi", lambda: 2)
    with pytest.raises(OSError, match=r"Landlock version 3 is needed \(Linux 6.2\), this kernel has 2"):
        landlock.restrict(landlock.Reach())
