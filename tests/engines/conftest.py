"""The tests' own helpers on the path: an engine's suite runs without tests/conftest.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
