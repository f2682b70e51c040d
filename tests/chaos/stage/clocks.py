"""Wrong clocks for the processes of a stage, each set ahead or behind while the process runs."""

import os
import time
from pathlib import Path

from app.cli.shell.operated_gateway import CHECKOUT
from tests.chaos.stage.machines import Machine

WRONG_CLOCK = Path(__file__).with_name("wrong_clock")
PATIENCE_S = 30.0


class Clocks:
    """A clock for each named part, right at first; their files are below `directory`."""

    def __init__(self, directory: Path, *parts: str) -> None:
        self._directory = directory
        for part in parts:
            (directory / part).mkdir(parents=True)
            self._write(part, 0)

    @property
    def variables(self) -> dict[str, dict[str, str]]:
        """The further environment variables of each part."""
        path = os.pathsep.join([str(WRONG_CLOCK), str(CHECKOUT)])
        return {part.name: {"PYTHONPATH": path, "WRONG_CLOCK": str(part)} for part in sorted(self._directory.iterdir())}

    def put(self, machine: Machine, seconds: float) -> None:
        """Set the clock of a part `seconds` ahead, or behind, and wait until each of its processes follows it."""
        self._write(machine.name, seconds)
        deadline = time.monotonic() + PATIENCE_S
        while not all(self._shown(machine.name, process) == seconds for process in machine.main + machine.children):
            assert time.monotonic() < deadline, f"a process of {machine.name} does not follow its clock"
            time.sleep(0.02)

    def _write(self, part: str, seconds: float) -> None:
        draft = self._directory / f"{part}.draft"
        draft.write_text(str(seconds))
        draft.replace(self._directory / part / "ahead")

    def _shown(self, part: str, process: int) -> float | None:
        try:
            return float((self._directory / part / str(process)).read_text())
        except (FileNotFoundError, ValueError):
            return None
