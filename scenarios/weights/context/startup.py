"""Marks the phases of a start for whoever measures it; costs one look at the environment otherwise.

Import it before anything else. Asked for by TARE_STARTUP, each phase is a line on standard error:
`tare-startup PHASE BEGIN END`, in nanoseconds of the monotonic clock, which a container shares with its host.
"""

import os
import time

# The first line of Python that runs: before it, the interpreter was being set up.
_FIRST_LINE = time.monotonic_ns()
_ASKED = "TARE_STARTUP" in os.environ


class Phase:
    """`with Phase("imports"): …`"""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._begin = time.monotonic_ns()

    def __exit__(self, failed: object, *_: object) -> None:
        if _ASKED and failed is None:
            _mark(self._name, self._begin, time.monotonic_ns())


def _mark(name: str, begin: int, end: int) -> None:
    os.write(2, f"tare-startup {name} {begin} {end}\n".encode())


def _before_python() -> None:
    """What came before: the kernel knows when the process was born and when its first program touched a file."""
    now = time.monotonic_ns()
    boot, real = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - now, time.time_ns() - now
    with open("/proc/self/stat") as stat:
        ticks = int(stat.read().rpartition(")")[2].split()[19])
    born = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK") - boot
    try:
        program = os.stat("/dev/shm/tare-startup").st_mtime_ns - real
    except FileNotFoundError:
        return
    _mark("process", born, program)
    _mark("interpreter", program, _FIRST_LINE)


if _ASKED:
    _before_python()
