"""The ledger: the SQLite record of state changes, incidents and deliveries that reports are computed from.

writer    the one thread that writes, and the settings of the file
records   what is written: one small record for each thing that happened
schema    the tables, and the steps from version to version
"""

from monitor.storage.ledger.schema import LedgerTooNew
from monitor.storage.ledger.writer import Ledger, commit, connect

__all__ = ["Ledger", "LedgerTooNew", "commit", "connect"]
