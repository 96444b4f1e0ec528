"""What a guest is told of its surroundings: a few variables of ours, and none of the worker's."""

from pathlib import Path

_ON_CARD = {
    "CUDA_CACHE_DISABLE": "1",  # of compiled kernels, which it has no folder for
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # without it products are not the same each time, and torch refuses them
}


def clean_environment(room: Path, threads: int, *, on_card: bool = False) -> dict[str, str]:
    """All that a guest sees of its surroundings: nothing of the worker's own environment."""
    count = str(threads)
    return (_ON_CARD if on_card else {}) | {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": str(room),
        "USER": "guest",
        "TMPDIR": str(room),
        "TORCHINDUCTOR_CACHE_DIR": str(room),  # else torch makes a folder, and a guest makes plain files only
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": count,
        "OMP_WAIT_POLICY": "passive",  # threads that spin while they wait take the processor from the judges beside them
        "OPENBLAS_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "RAYON_NUM_THREADS": count,  # else a tokenizer starts one for each processor of the host
        "MALLOC_ARENA_MAX": "4",  # each sets 64 MiB of address space aside, of which a guest has a bounded amount
    }
