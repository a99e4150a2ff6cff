"""Workbooks: as openpyxl writes them, as Excel does, and as nobody should."""

from __future__ import annotations

import zipfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import ConfigError, load
from monitor.inventory import xlsx
from monitor.inventory.xlsx import WorkbookError, read_workbook
from monitor.model import DeviceId
from tests.config_support import refused, workbook, written

HEAD = ("国标编码", "名称", "IP地址", "重点部位", "经度", "纬度")


def configured(folder: Path) -> Path:
    return written(folder, 'inventory = ["cameras.xlsx"]')


def test_each_sheet_with_headings_is_read(tmp_path: Path) -> None:
    workbook(
        tmp_path / "cameras.xlsx",
        城东=[
            ("城东点位一览表",),
            HEAD,
            ("34020000001320000001", "东门", "10.0.0.1", "是", 118.5, 31.25),
            (None, None),
            ("34020000001320000002", "西门", "10.0.0.2", True, None, None),
        ],
        城西=[HEAD, ("C3", "南门", "10.0.0.3", 0, "118.5", "31.25")],
        说明=[("本表由各派出所填报",)],
    )
    config = load(configured(tmp_path))
    devices = config.inventory.devices
    assert [device.name for device in devices.values()] == ["东门", "西门", "南门"]
    assert [device.key_site for device in devices.values()] == [True, True, False]
    assert devices[DeviceId("C3")].longitude == 118.5
    (warning,) = config.warnings
    assert (warning.path, warning.message) == (
        'sheet "说明"',
        "the sheet has no row of headings and was left out",
    )


def test_a_code_that_was_stored_as_a_number_is_refused_for_its_lost_digits(tmp_path: Path) -> None:
    workbook(tmp_path / "cameras.xlsx", 城东=[HEAD, (34020000001320000001, "东门", "10.0.0.1")])
    (problem,) = refused(configured(tmp_path))
    assert problem.path == 'sheet "城东", cell A2'
    assert "lost digits" in problem.found
    assert "Text" in problem.right


@pytest.mark.parametrize(
    ("written_as", "good"),
    [
        ("3.4020000001320001E+19", False),
        ("34020000001320000000", False),
        ("1234567890123456", False),
        ("34020000001320000001", True),
        ("123456789012345", True),
        ("7", True),
        ("7.0", True),
    ],
)
def test_a_number_is_an_id_only_while_it_has_its_digits(tmp_path: Path, written_as: str, good: bool) -> None:
    """Excel writes 17 digits at most; other programs may have written all twenty, and those are there."""
    sheet_of(tmp_path / "cameras.xlsx", f'<c r="A2"><v>{written_as}</v></c>')
    if good:
        assert list(load(configured(tmp_path)).inventory.devices) == [written_as.removesuffix(".0")]
    else:
        (problem,) = refused(configured(tmp_path))
        assert problem.path.endswith("cell A2")


def test_numbers_that_are_no_codes_are_read_as_people_see_them(tmp_path: Path) -> None:
    workbook(tmp_path / "cameras.xlsx", a=[HEAD, (1001, 7, "10.0.0.1", 1, 118.39700000000001, 31)])
    (device,) = load(configured(tmp_path)).inventory.devices.values()
    assert (device.id, device.name, device.key_site) == ("1001", "7", True)
    assert (device.longitude, device.latitude) == (118.397, 31.0)


def test_shared_rich_and_inline_strings_and_formulas_are_text(tmp_path: Path) -> None:
    """What Excel writes: shared strings with runs and phonetic guides, a formula with its kept value."""
    strings = (
        "<si><t>C1</t></si><si><r><t>东</t></r><r><rPr><b/></rPr><t>门</t></r>"
        '<rPh sb="0" eb="1"><t>ドン</t></rPh></si>'
    )
    sheet_of(
        tmp_path / "cameras.xlsx",
        '<c r="A2" t="s"><v>0</v></c><c r="B2" t="s"><v>1</v></c>'
        '<c r="C2" t="str"><f>"10.0.0."&amp;1</f><v>10.0.0.9</v></c>',
        strings,
        address="",
    )
    (device,) = load(configured(tmp_path)).inventory.devices.values()
    assert (device.id, device.name, device.address) == ("C1", "东门", "10.0.0.9")


def test_cells_may_be_far_apart(tmp_path: Path) -> None:
    workbook(
        tmp_path / "cameras.xlsx", a=[["x"] * 27 + ["编号", "名称", "IP"], [None] * 27 + ["1", "n", "10.0.0"]]
    )
    problem = refused(configured(tmp_path))[-1]
    assert problem.path == 'sheet "a", cell AD2'


def test_hidden_sheets_are_not_read(tmp_path: Path) -> None:
    from openpyxl import load_workbook

    row = ("C1", "东门", "10.0.0.1")
    workbook(tmp_path / "cameras.xlsx", a=[HEAD, row], b=[HEAD, row])
    book = load_workbook(tmp_path / "cameras.xlsx")
    book["b"].sheet_state = "hidden"
    book.save(tmp_path / "cameras.xlsx")
    assert len(load(configured(tmp_path)).inventory) == 1


def test_a_workbook_too_large_unpacked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workbook(tmp_path / "cameras.xlsx", a=[HEAD])
    monkeypatch.setattr(xlsx, "MAX_BYTES", 1000)
    with pytest.raises(WorkbookError, match="larger"):
        list(read_workbook(tmp_path / "cameras.xlsx"))


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    """Neither files nor a billion laughs come in through a list of cameras."""
    (tmp_path / "secret").write_text("sesame")
    sheet_of(
        tmp_path / "cameras.xlsx",
        '<c r="A2" t="inlineStr"><is><t>&leak;</t></is></c>',
        prolog=f'<!DOCTYPE x [<!ENTITY leak SYSTEM "file://{tmp_path}/secret">]>',
    )
    assert "sesame" not in "".join(map(str, refused(configured(tmp_path))))


@cache
def a_whole_workbook() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "whole.xlsx"
        workbook(path, a=[HEAD, ("C1", "东门", "10.0.0.1")])
        return path.read_bytes()


@settings(max_examples=200)
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, 10_000), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4
    )
)
def test_a_damaged_workbook_is_a_problem_and_no_crash(tmp_path: Path, cuts: list[tuple[int, bytes]]) -> None:
    raw = bytearray(a_whole_workbook())
    for at, piece in cuts:
        at %= len(raw)
        raw[at : at + len(piece)] = piece
    (tmp_path / "cameras.xlsx").write_bytes(raw)
    try:
        load(configured(tmp_path))
    except ConfigError as error:
        assert error.problems


@settings(max_examples=200)
@given(cell=st.text(alphabet='<>/="cvtsifrn A12 0.E+-x&;', max_size=40))
def test_no_xml_in_a_sheet_crashes_the_reader(tmp_path: Path, cell: str) -> None:
    sheet_of(tmp_path / "cameras.xlsx", cell)
    try:
        load(configured(tmp_path))
    except ConfigError as error:
        assert error.problems


def sheet_of(
    path: Path, cells: str, strings: str = "", *, address: str = "10.0.0.1", prolog: str = ""
) -> None:
    """A workbook of one row with these cells in front of a name and an address, written by hand."""
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    text = '<c r="{}" t="inlineStr"><is><t>{}</t></is></c>'
    head = "".join(text.format(f"{letter}1", name) for letter, name in zip("ABC", HEAD, strict=False))
    rest = text.format("B2", "东门") + text.format("C2", address) if address else ""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook {space} xmlns:r="{office}"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets>'
            "</workbook>",
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
            "</Relationships>",
        )
        archive.writestr("xl/sharedStrings.xml", f"<sst {space}>{strings}</sst>")
        archive.writestr(
            "xl/worksheets/sheet1.xml",
            f'{prolog}<worksheet {space}><sheetData><row r="1">{head}</row><row r="2">{cells}{rest}</row>'
            "</sheetData></worksheet>",
        )
