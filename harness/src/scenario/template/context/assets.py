"""Prepares what the service serves; stands for a slow step such as installing packages."""

import pathlib
import sys

target = pathlib.Path(sys.argv[1])
target.mkdir(parents=True)
(target / "scale").write_text("2\n")
