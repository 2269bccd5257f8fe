"""Printing to whoever may stop reading, as in `mlipbench … | head`."""

import os
import sys


class WhileRead:
    """A block that is left quietly once nobody reads stdout any more; what is printed later goes nowhere."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: object, _trace: object) -> bool:
        stopped = isinstance(error, BrokenPipeError)
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            # What is still held would be flushed again when the interpreter ends, and complained about.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return stopped
