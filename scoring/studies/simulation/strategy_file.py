"""Anybody's strategy, from a Python file: `commit(moment)` says what a hotkey commits in a round, HOTKEYS how many the miner has.

RUNS says in how many runs it is compared, where 20 say too little.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import cast

from scoring.errors import Code, PlatformError
from scoring.studies.simulation.actors import Actor, Strategy

FOLDER = Path(__file__).with_name("strategies")
MOST_HOTKEYS = 256


@dataclass(frozen=True, slots=True)
class StrategyFile:
    """A file that holds a strategy; it is run anew for each miner, so that nothing is remembered from one run to the next."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.stem

    def miner(self, ability: Sequence[tuple[int, float]]) -> Actor:
        """A miner of this ability that follows it; raises PlatformError(ARGUMENT_INVALID) for a file without a strategy."""
        module = self._run()
        hotkeys = getattr(module, "HOTKEYS", 1)
        if not callable(getattr(module, "commit", None)):
            raise PlatformError(Code.ARGUMENT_INVALID, f"{self.path} has no function commit(moment)")
        if type(hotkeys) is not int or not 1 <= hotkeys <= MOST_HOTKEYS:
            raise PlatformError(
                Code.ARGUMENT_INVALID, f"{self.path}: HOTKEYS is {hotkeys!r}, not a number from 1 to {MOST_HOTKEYS}"
            )
        return Actor("the miner", cast("Strategy", module), hotkeys, tuple(ability))

    @property
    def runs(self) -> int:
        """The runs that it asks for, 0 if it does not; raises PlatformError(ARGUMENT_INVALID) where that is no number of runs."""
        runs = getattr(self._run(), "RUNS", 0)
        if type(runs) is not int or runs < 0:
            raise PlatformError(Code.ARGUMENT_INVALID, f"{self.path}: RUNS is {runs!r}, not a number of runs")
        return runs

    @property
    def where(self) -> tuple[str, ...]:
        """The settings in which the study plays it."""
        return tuple(self._run().WHERE)

    def _run(self) -> ModuleType:
        spec = spec_from_file_location(f"strategy_{self.name}", self.path)
        if spec is None or spec.loader is None:
            raise PlatformError(Code.ARGUMENT_INVALID, f"{self.path} is no Python file")
        module = module_from_spec(spec)
        sys.modules[spec.name] = module
        try:
            spec.loader.exec_module(module)
        except OSError as exc:
            raise PlatformError(Code.ARGUMENT_INVALID, f"{self.path} cannot be read: {exc.strerror}") from exc
        except SyntaxError as exc:
            raise PlatformError(Code.ARGUMENT_INVALID, f"{self.path} is no Python: {exc}") from exc
        return module


def known() -> dict[str, StrategyFile]:
    """Every strategy of the folder by its name; `honest` is what the others are compared with."""
    return {path.stem: StrategyFile(path) for path in sorted(FOLDER.glob("[a-z]*.py"))}
