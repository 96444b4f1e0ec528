SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 3
PYTEST = $(BIN)/pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder --durations 20
# The tests start hundreds of interpreters: each would compile every module again where this is set, as many images set it.
unexport PYTHONDONTWRITEBYTECODE
MARKS = -m '$(if $(SLOW),not small,not slow)'
CASES = $(if $(SLOW),VOICE_FUZZ_CASES=1200)
ONCE ?=
QUICK ?=
SLOW ?=
DEMO_ARGS ?=
BENCH_ARGS ?=
CHECK_ARGS ?=
COMPOSE_ARGS ?=
STUDY_ARGS ?=
CHAOS_ARGS ?=
SOAK_ARGS ?=
GAME_ARGS ?=
IMAGE_ARGS ?=
WHITEBOX_ARGS ?=
COPIES_ARGS ?=
LOAD_ARGS ?=
README ?=

.PHONY: help demo test test-unit test-slow test-chaos soak game-day simulate bench-validator lint fmt clean compose-check image-sizes bench-demo bench-voices bench-service bench-near-copies bench-scoring bench-gpu bench-copies check-gpu pictures golden structure study-attacks study-order study-round-variance study-rivals studies study-speaker study-flags study-voices study-delivery study-instruction-sets study-whitebox
# Each file that is installed has the hash that locks/ names; on a machine of another kind versions are all that is known.
LOCKED = $(shell $(PYTHON) -c 'import platform, sys; print(*sys.version_info[:2], platform.system(), platform.machine())' 2>/dev/null)
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
HASHED = --no-deps --no-build-isolation --require-hashes
$(VENV)/.ready: pyproject.toml constraints.txt locks/dev.txt scoring/judges/packages.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 was not found as '$(PYTHON)'; name yours: make PYTHON=python3 $(MAKECMDGOALS)"; exit 1; }
	@echo "Making $(VENV); the first time this takes some minutes."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifeq ($(LOCKED),3 11 Linux x86_64)
	$(PIP) --no-compile $(HASHED) --requirement locks/build.txt
	$(PIP) --no-compile $(HASHED) --requirement locks/dev.txt
	$(PIP) --no-compile --no-deps --no-build-isolation --editable .
else
	@echo "There are no hashes for this kind of machine ($(LOCKED)): packages are installed by their versions alone."
	$(PIP) --no-compile --constraint constraints.txt --editable '.[dev]'
endif
	-@$(BIN)/python -m compileall -qq -j 0 -x '/transformers/models/|/tests?/' $(VENV)/lib
	@$(BIN)/voice worker prepare judges >/dev/null
	@touch $@

# Lists the targets.
help:
	@awk '/^# /{text=text substr($$0,2); next} /^[a-z][a-z-]*:/{if(text!=""){sub(/:.*/,"",$$1); printf "%-22s%s\n",$$1,text}} {text=""}' Makefile | cut -c1-160

# The whole network on this machine; ONCE=1 ends after its table.
demo: $(VENV)/.ready
	$(BIN)/voice demo $(if $(ONCE),--once) $(DEMO_ARGS)

# What a change is checked by, in $(JOBS) processes beside each other: JOBS=0 for one alone, as a debugger wants it; SLOW=1 for all tests.
test: test-unit
	$(CASES) $(PYTEST) $(MARKS) --ignore tests/unit

# The part that needs no torch, no process and no service: what to run while writing.
test-unit: JOBS = 2
test-unit: $(VENV)/.ready
	$(PYTEST) $(MARKS) tests/unit

# What takes too long for every change: storms, the slowest end-to-end tests, thousands of requests.
test-slow: SLOW = 1
test-slow: $(VENV)/.ready
	$(CASES) $(PYTEST) -m 'slow or fuzz'

# A storm of faults over real processes, and what must hold afterwards; CHAOS_ARGS='--seed 2' for another storm. Then the API's
# description tried out with thousands of requests.
test-chaos: $(VENV)/.ready
	$(BIN)/python -m tests.chaos.run $(CHAOS_ARGS)
	VOICE_FUZZ_CASES=2400 timeout 300 $(BIN)/pytest -q -s --timeout 280 tests/integration/test_fuzz.py

# Three validators on one stack, 300 rounds of a quick chain whose node keeps failing, and what must hold afterwards.
# SOAK_ARGS='--seed 2 --json' for another storm.
soak: $(VENV)/.ready
	timeout 600 $(BIN)/python -m tests.soak.run $(SOAK_ARGS)

# Twelve faults on a node of real processes: what the doctor and the alerts say of each, and that all is well after it; then a restore.
# GAME_ARGS="--only 'hub 404' 'disk full'" for some, '--json' for the run that docs/operations.md shows. Eight minutes at most.
game-day: $(VENV)/.ready
	timeout 600 $(BIN)/python -m tests.gameday.run $(GAME_ARGS)

# Builds the images and runs the stack with docker or podman, whichever is there; needs a package index, and minutes.
# COMPOSE_ARGS=--update takes a release over, too, and comes back from one that is never well: minutes more, with podman.
compose-check: $(VENV)/.ready
	$(BIN)/python docker/compose_check.py $(COMPOSE_ARGS)

# Builds the images as a release does and writes their sizes into docs/operations.md; IMAGE_ARGS='--torch-index URL' for the worker without CUDA, too.
image-sizes: $(VENV)/.ready
	$(BIN)/python docker/image_sizes.py $(IMAGE_ARGS)

# Install, demo and one evaluation: seconds and bytes.
bench-demo: $(VENV)/.ready
	$(BIN)/python -m benchmarks.bench_demo

# Seconds until a command of `voice` runs, beside an interpreter that does nothing.
bench-start: $(VENV)/.ready
	$(BIN)/python -m benchmarks.bench_start $(BENCH_ARGS)

# What each family's speech costs and what the sandbox adds; BENCH_ARGS='--only round' for a whole round of Pocket TTS, twice.
bench-voices: $(VENV)/.ready
	$(BIN)/python -m benchmarks.bench_voices $(BENCH_ARGS)

# Reads, writes, jobs and many workers of the service on loopback, against the barest that does the same; BENCH_ARGS='--only reads jobs --json'
# for less.
bench-service: $(VENV)/.ready
	$(BIN)/python -m benchmarks.bench_service $(BENCH_ARGS)

# Fleets, rounds and costs on paper by the rules that decide, and what breaks first; LOAD_ARGS=--check compares with a small real fleet,
# '--json' or '--out docs/measured/load.json' keeps it.
simulate-load: $(VENV)/.ready
	$(BIN)/python -m benchmarks.load $(LOAD_ARGS)

# Finds the sketches that are like one's own among 100,000; BENCH_ARGS='--artifacts 10000' for less.
bench-near-copies: $(VENV)/.ready
	$(BIN)/python -m benchmarks.bench_near_copies $(BENCH_ARGS)

# A full decision (duels, ranking, plan) against a plain pairwise loop, and ticks over 256 miners' 1,000 rounds; BENCH_ARGS='--only decision' for less.
bench-validator: $(VENV)/.ready
	$(BIN)/python -m benchmarks.bench_validator $(BENCH_ARGS)

# Everything that docs/incentives.md states, simulated anew with the functions that decide; half an hour on one core. QUICK=1: a try.
simulate: $(VENV)/.ready
	$(BIN)/voice simulate study $(if $(QUICK),--small,--out docs/measured/incentives.json)
	$(if $(QUICK),,$(BIN)/voice simulate docs)

# What the judges compare with is installed only for this.
$(VENV)/.bench: $(VENV)/.ready locks/bench.txt
ifeq ($(LOCKED),3 11 Linux x86_64)
	$(PIP) $(HASHED) --requirement locks/bench.txt
else
	$(PIP) --constraint constraints.txt --editable '.[bench]'
endif
	@touch $@

# Seconds of judging per second of speech, and ratios to the judges' own packages; BENCH_ARGS='--json --soak 10000' for more.
bench-scoring: $(VENV)/.bench
	$(BIN)/python -m benchmarks.bench_scoring $(BENCH_ARGS)

# What the walls around a guest cost, against the same program without them; BENCH_ARGS='--turns 3' for a glance.
bench-sandbox: $(VENV)/.ready
	$(BIN)/python -m benchmarks.bench_sandbox $(BENCH_ARGS)

# The standard profile's networks, batched against one by one; BENCH_ARGS='--size full' at the published sizes.
bench-gpu: $(VENV)/.ready
	$(BIN)/python -m benchmarks.bench_gpu $(BENCH_ARGS)

# Near-copies: trains the corpus, rewrites it in every way, and writes docs/copies.md; an hour on one core, and what was done is kept below
# .voice. COPIES_ARGS='--gigabytes 0' without the large file, '--render' for the page alone.
bench-copies: $(VENV)/.ready
	$(BIN)/python -m benchmarks.copies $(COPIES_ARGS)

# Does a machine with one card do what tracks on cards need? Minutes, no network; CHECK_ARGS='--device cpu --size tiny' tries the steps anywhere.
check-gpu: $(VENV)/.ready
	timeout 480 $(BIN)/python -m benchmarks.check_gpu $(CHECK_ARGS)

# Pictures of every kind of page on the last demo's data, into .voice/pictures; README=1 for the two that README shows, too. Needs Chromium.
pictures: $(VENV)/.ready
	$(BIN)/python -m benchmarks.pictures $(if $(README),--readme)

# Everything that an earlier commit and this one say of one kept demo; the first time it makes that commit's environment and demo.
golden: $(VENV)/.ready
	$(BIN)/python -m benchmarks.golden_master --before $(or $(BEFORE),70698d1) $(GOLDEN_ARGS)

# How the code is laid out, at an earlier commit and now; STRUCTURE_ARGS='--no-walks' for what can be counted without running anything.
structure: $(VENV)/.ready
	$(BIN)/python -m benchmarks.structure --before $(or $(BEFORE),70698d1) $(STRUCTURE_ARGS)

# Are people and neural voices above machines, text by text? STUDY_ARGS='--people DIR' for a person's recordings, whose texts all then say.
study-voices: $(VENV)/.ready
	$(BIN)/python -m benchmarks.study_voices $(STUDY_ARGS)

# By how much do a clip's numbers differ between instruction sets? STUDY_ARGS='--emulate Haswell' for another processor (qemu-user).
study-instruction-sets: $(VENV)/.ready
	$(BIN)/python -m benchmarks.study_instruction_sets $(STUDY_ARGS)

# What docs/scoring.md states: measured here, then `voice scoring docs`. Each takes minutes.
study-attacks: $(VENV)/.ready
	$(BIN)/python -m benchmarks.study_attacks --out docs/measured/attacks.json $(STUDY_ARGS)

study-order: $(VENV)/.ready
	$(BIN)/python -m benchmarks.study_order --out docs/measured/order.json

# Does the embedded profile tell one voice from two? Printed only: the anchors' comment states it.
study-speaker: $(VENV)/.ready
	$(BIN)/python -m benchmarks.study_speaker

# Do flags keep silent about honest voices, and see a recording that comes again? Printed only: scoring/judges/flags.py states it.
study-flags: $(VENV)/.ready
	$(BIN)/python -m benchmarks.study_flags

study-delivery: $(VENV)/.ready
	$(BIN)/python -m benchmarks.study_delivery $(STUDY_ARGS)

# What an attacker gains who learns against the judges; half an hour on a free core. WHITEBOX_ARGS='--texts 2 --steps 20' for a glance.
study-whitebox: $(VENV)/.ready
	$(BIN)/python -m benchmarks.whitebox --out docs/measured/whitebox.json $(WHITEBOX_ARGS)

study-round-variance: $(VENV)/.ready
	$(BIN)/python -m benchmarks.study_round_variance --out docs/measured/round_variance.json

# Our duel against others' rules on the same draws; minutes on one core.
study-rivals: $(VENV)/.bench
	$(BIN)/python -m benchmarks.study_rivals --out docs/measured/rivals.json $(STUDY_ARGS)

studies: study-attacks study-order study-round-variance
	$(BIN)/voice scoring docs

# Style, types and import contracts.
lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=docker $(BIN)/mypy docker/*.py
	$(BIN)/lint-imports

.PHONY: simulate-load audit bench-sandbox bench-start check-pythons docs locks pin-images sbom scan-secrets
# What looks at packages and files, and what makes the documentation site, is installed by hash into environments of their own.
SUPPLY = $(VENV)/supply
$(VENV)/supply/.ready $(VENV)/docs/.ready: $(VENV)/%/.ready: locks/%.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 was not found as '$(PYTHON)'; name yours: make PYTHON=python3 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	@touch $@

# The documentation site, below build/site/html: guides, and reference that is rendered from the code. A link that leads nowhere fails.
docs: $(VENV)/.ready $(VENV)/docs/.ready
	$(BIN)/python -m website.assemble
	NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs build --strict
	$(BIN)/python -m website.check

# Are weaknesses known of any package that is installed anywhere? Asks the package index; what cannot be asked about fails, too.
audit: $(SUPPLY)/.ready
	for lock in bench supply; do $(SUPPLY)/bin/pip-audit --strict --progress-spinner off --disable-pip --require-hashes --requirement locks/$$lock.txt || exit 1; done

# Is there a secret in a file of the repository that .secrets.baseline does not know to be none?
scan-secrets: $(SUPPLY)/.ready
	git ls-files -z | xargs -0 $(SUPPLY)/bin/detect-secrets-hook --baseline .secrets.baseline

# Every package with its version and hash, as CycloneDX JSON, of each set-up that runs in production: build/sbom/.
sbom: $(SUPPLY)/.ready
	mkdir -p build/sbom
	for lock in api daemons worker; do $(SUPPLY)/bin/cyclonedx-py requirements --output-reproducible --output-file build/sbom/$$lock.json locks/$$lock.txt || exit 1; done

# Writes locks/ anew from pyproject.toml and constraints.txt: Linux, x86-64, Python 3.11, and a package index.
locks: $(VENV)/.ready
	$(BIN)/python docker/write_locks.py

# Names others' images by the digests that their tags mean now, wherever they are built on or run; asks their registries.
pin-images: $(VENV)/.ready
	$(BIN)/python docker/pin_images.py

# Can what constraints.txt pins be had as wheels for Pythons that the tests do not run on? Asks the package index, and installs nothing.
check-pythons: $(VENV)/.ready
	$(BIN)/python docker/check_pythons.py

# Mends what the formatter and the linter can mend.
fmt: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Removes everything that was made here.
clean:
	rm -rf $(VENV) .voice build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
