"""Parsl's executor with an end to every wait for its interchange."""

from typing import Any

from parsl.executors import HighThroughputExecutor
from parsl.executors.high_throughput.errors import CommandClientBadError, CommandClientTimeoutError

ANSWER_WITHIN_S = 30


class Executor(HighThroughputExecutor):
    """Parsl's, but no question to its interchange waits for ever: a dead one has no managers."""

    def is_alive(self) -> bool:
        """True where the interchange runs and answers."""
        process = self.interchange_proc
        return process is not None and process.poll() is None and self.command_client.ok

    def connected_managers(self) -> list[dict[str, Any]]:
        """One dict for each manager."""
        managers: list[dict[str, Any]] | None = self._query("MANAGERS")
        return managers or []

    def connected_blocks(self) -> list[str]:
        """Ids of all blocks whose managers ever called."""
        blocks: list[str] | None = self._query("CONNECTED_BLOCKS")
        return blocks or []

    def _hold_block(self, block_id: str) -> None:
        for manager in self.connected_managers():
            if manager["block_id"] == block_id:
                self._query(["HOLD_MANAGER", manager["manager"]])

    def _query(self, message: str | list[str]) -> Any:
        if not self.is_alive():
            return None
        try:
            return self.command_client.run(message, timeout_s=ANSWER_WITHIN_S)
        except (CommandClientBadError, CommandClientTimeoutError):
            return None
