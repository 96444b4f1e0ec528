"""When an unforeseen failure is a submission's: never before a second host met the same one."""

import json
from typing import Any, cast

import pytest
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

from scoring.errors import Code, InfrastructureFault
from scoring.model.safetensors_header import parse_header
from voice_api.db.evaluations import Cause
from voice_api.errors import DatabaseUnavailable
from workers.jobs.failures import cause_of, same_failure_elsewhere

SAME = "ValueError@decode"


def met(host: str, cause: str = SAME) -> Cause:
    """A failure on a host."""
    return Cause(host, Code.WORKER_ERROR, cause)


@pytest.mark.parametrize(
    ("earlier", "theirs"),
    [
        pytest.param((), False, id="the first time"),
        pytest.param((met("here"), met("here")), False, id="again and again on one host"),
        pytest.param((met("there", "KeyError@decode"),), False, id="another kind of error elsewhere"),
        pytest.param((met("there", "ValueError@encode"),), False, id="the same kind of error in another place elsewhere"),
        pytest.param((met("there"),), True, id="the same elsewhere"),
        pytest.param((met("here"), met("there")), True, id="the same here and elsewhere"),
    ],
)
def test_two_hosts_make_it_the_submissions(earlier: tuple[Cause, ...], theirs: bool) -> None:
    """The same cause on a distinct host, and nothing less; the reason names no host."""
    fault = same_failure_elsewhere(earlier, "here", SAME)
    assert (fault is not None) is theirs
    if fault is not None:
        assert (fault.code, "here" in fault.detail, SAME in fault.detail) == (Code.FAILED_ALIKE, False, True)


def raised(error: BaseException) -> BaseException:
    """As it comes out of a function of the tests, which are not ours in this sense."""
    try:
        raise error
    except type(error) as caught:
        return caught


def from_ours() -> BaseException:
    """An error of the standard library, inside a function of ours."""
    try:
        parse_header(cast(Any, None), 0)
    except (TypeError, AttributeError) as caught:
        return caught
    raise AssertionError("it took None for bytes")


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        pytest.param(raised(KeyError("x")), "KeyError@nowhere", id="not through any function of ours"),
        pytest.param(raised(json.JSONDecodeError("x", "y", 0)), "JSONDecodeError@nowhere", id="by its own name"),
        pytest.param(raised(OSError(28, "no space left")), None, id="a full disk"),
        pytest.param(raised(TimeoutError()), None, id="time ran out"),
        pytest.param(raised(MemoryError()), None, id="no memory"),
        pytest.param(raised(torch.OutOfMemoryError("CUDA out of memory")), None, id="no memory on the accelerator"),
        pytest.param(raised(torch.AcceleratorError("CUDA error: uncorrectable ECC error")), None, id="a broken accelerator"),
        pytest.param(raised(RuntimeException("cudaErrorLaunchFailure")), None, id="what drives one failed"),
        pytest.param(raised(RuntimeError("shapes differ")), "RuntimeError@nowhere", id="torch's other errors"),
        pytest.param(raised(DatabaseUnavailable()), None, id="PostgreSQL went away"),
        pytest.param(raised(InfrastructureFault(Code.JUDGE_UNAVAILABLE)), None, id="foreseen"),
    ],
)
def test_what_makes_two_failures_the_same(error: BaseException, cause: str | None) -> None:
    """The kind and the place; what is the host's has no cause, for hosts of one operator run short together."""
    assert cause_of(error) == cause


def test_the_place_is_our_innermost_function() -> None:
    """Not the library's below it, nor the first one above."""
    cause = cause_of(from_ours())
    assert cause is not None
    assert cause.endswith("@parse_header")
