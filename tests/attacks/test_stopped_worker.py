"""A worker that was stopped, as by a paused host, blames nobody for the time in which it did not look."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

GUEST = Path(__file__).with_name("hostile_guest.py")
WORKER = """
import sys
from pathlib import Path
from scoring.competition import SubmissionLimits, SynthesisRules
from scoring.synthesis.synthesiser import Request
from workers.sandbox.sandbox import Sandbox

root = Path(sys.argv[1])
(root / "model").mkdir()
limits = SubmissionLimits(repo_bytes=1, header_bytes=1, load_seconds=20.0, sample_seconds=4.0, late_factor=10.0,
                late_share=0.25, ram_bytes=512 << 20, max_audio_seconds=10.0, expected_low=0.4, expected_high=2.5)
requests = [Request("p0", "hello", "a voice", 0), Request("p1", "pause", "a voice", 1)]
sandbox = Sandbox(root / "scratch", [sys.argv[2]])
spoken = sandbox.speak(root / "model", "well", requests, limits, SynthesisRules(device="cpu", threads=1, batch=1, dtype="float32"),
                       on_sample=lambda done, total: print(done, flush=True))
print([item.failure for item in spoken], flush=True)
"""


def test_a_stopped_worker(tmp_path: Path) -> None:
    """Stopped for longer than a sample's deadline and continued, it takes the answer that lay ready meanwhile."""
    with subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path), str(GUEST)], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "1\n"
        time.sleep(0.3)  # it waits for the second sample now, which takes two seconds
        os.kill(worker.pid, signal.SIGSTOP)
        time.sleep(5.0)
        os.kill(worker.pid, signal.SIGCONT)
        assert worker.stdout.read().splitlines() == ["2", "[None, None]"]
