"""Files of devices by their kind: CSV, XLSX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monitor.inventory.tables import SheetTable, csv_table, sheet_table
from monitor.inventory.xlsx import WorkbookError, read_workbook
from monitor.problems import Findings, Place


def read_tables(path: Path, shown: str, findings: Findings) -> Sequence[SheetTable]:
    """The tables of one inventory file: one of CSV, one for each sheet with headings of XLSX."""
    match path.suffix.lower():
        case ".csv" | ".txt":
            table = csv_table(path, shown, findings)
            return [table] if table else []
        case ".xlsx" | ".xlsm":
            return _workbook(path, shown, findings)
        case ".xls" | ".et":
            findings.error(Place(shown), "is in the old Excel format", "save it as .xlsx or as CSV UTF-8")
        case ".toml":
            findings.error(Place(shown), "is a TOML file", "name it under include instead")
        case other:
            findings.error(Place(shown), f'cannot read "{other}" files', "an inventory is .csv or .xlsx")
    return []


def _workbook(path: Path, shown: str, findings: Findings) -> list[SheetTable]:
    before = findings.errors
    tables = []
    try:
        for sheet in read_workbook(path):
            table = sheet_table(shown, sheet.name, sheet.rows, findings)
            if table:
                tables.append(table)
    except WorkbookError as error:
        findings.error(Place(shown), str(error), "open it in a spreadsheet program and save it anew as .xlsx")
        return []
    if not tables and findings.errors == before:
        findings.error(
            Place(shown),
            "no sheet has a row of headings",
            "the columns id (编号), name (名称) and address (IP地址) are needed",
        )
    return tables
