"""What every guest may use beside the memory and the time that its competition gives: each number once, and what a host needs for them."""

SCRATCH_BYTES = 256 << 20
SCRATCH_FILES = 1_000
FILE_BYTES = 64 << 20
OPEN_FILES = 256
STACK_BYTES = 64 << 20
"""The main thread's; those of others count as data."""
PENDING_SIGNALS = 256
CPU_SLACK_SECONDS = 60
SPARE_BYTES = 512 << 20
"""Of address space beyond the memory that a guest may hold: libraries that load late, and what allocators set aside and never touch."""
THREADS = 128
"""A guest that is seen with more is ended."""
MOST_THREADS = 2 * THREADS
"""What the kernel itself gives a guest between two looks, where it can be told to."""
WORKER_THREADS = 256
"""Of the worker itself: its judges' libraries take a few for each processor."""
WORKER_BYTES = 8 << 30
"""Of memory, for the worker itself: a container gives it beside what its track gives a guest (`mem_limit`)."""
PROCESSES = WORKER_THREADS + MOST_THREADS
"""What a container must give a worker and its one guest (`pids_limit`), so that no guest takes a thread from the worker."""
