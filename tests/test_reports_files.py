"""Reports as files: the same figures everywhere, formulas that recompute to them, names that stay text."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from lxml import html
from openpyxl import load_workbook

from monitor.books.period import Length
from monitor.books.settings import ContractSettings, Terms
from monitor.books.tally import Fraction, tallies, tally
from monitor.cli import main
from monitor.reports import charts, fonts
from monitor.reports.build import Order, make
from monitor.reports.figures import read_figures
from monitor.reports.fonts import NoFont, find_font
from monitor.reports.kinds import Format, ReportKind
from monitor.words import Language, words
from tests.reports_support import AFTER, HOSTILE, JUNE, town

KINDS = tuple(ReportKind)


def made(
    folder: Path, format_: Format, *kinds: ReportKind, language: Language = Language.ZH_CN
) -> list[Path]:
    db = town()
    order = Order(Length.MONTH, JUNE, kinds or KINDS, (format_,), folder)
    found = list(
        make(db, order, Terms(ContractSettings(customer="甲方", provider="乙方")), words(language), AFTER)
    )
    db.close()
    return found


def config(folder: Path) -> Path:
    state = folder / "state"
    state.mkdir()
    town(state / "ledger.db").close()
    path = folder / "camwatch.toml"
    path.write_text(f'[daemon]\nstate_dir = "{state}"\nrun_dir = "{folder}"\n')
    return path


def report(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", *arguments[:1], "-c", str(path), *arguments[1:]])


# -------------------------------------------------------------------- HTML


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_has_no_script_and_loads_nothing(tmp_path: Path, kind: ReportKind) -> None:
    (path,) = made(tmp_path, Format.HTML, kind)
    text = path.read_text()
    page = html.fromstring(text)
    assert not page.xpath("//script | //link | //img | //iframe | //@onclick | //@href | //@src")
    assert "<script" not in text
    if kind in (ReportKind.STATEMENT, ReportKind.INSPECTION):
        assert "&lt;script&gt;" in text, "the name is shown as it is"


@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_a_page_are_as_wide_as_on_paper(tmp_path: Path, kind: ReportKind) -> None:
    """Else a browser gives one column all, and the verdict is out of sight."""
    (path,) = made(tmp_path, Format.HTML, kind)
    for table in html.fromstring(path.read_text()).xpath("//table"):
        shares = [float(re.findall(r"[\d.]+", style)[0]) for style in table.xpath("./colgroup/col/@style")]
        assert len(shares) == len(table.xpath("./thead//th")) and 99.9 < sum(shares) < 100.1


def test_the_statement_shows_both_rates_side_by_side_and_every_exclusion(tmp_path: Path) -> None:
    (path,) = made(tmp_path, Format.HTML, ReportKind.STATEMENT)
    text = html.fromstring(path.read_text()).text_content()
    db = town()
    figures = read_figures(db, JUNE, Terms(), AFTER)
    db.close()
    found = tally(figures.cameras)
    assert found.rate() != found.gross()
    assert found.rate().percent() in text and found.gross().percent() in text
    assert "辖区 城东" in text and "供电部门停电" in text
    assert "第三方损坏（甲方未确认，不扣除）" in text
    assert "不达标" in text, "a key site was off line"


def test_the_inspection_names_each_devices_checks_and_what_rules_found_of_it(tmp_path: Path) -> None:
    (path,) = made(tmp_path, Format.HTML, ReportKind.INSPECTION)
    rows = [[cell.text_content() for cell in row] for row in html.fromstring(path.read_text()).xpath("//tr")]
    by_number = {row[2]: row for row in rows if len(row) == 10}
    assert by_number["cam-2"][6] == "ICMP ONVIF RTSP" and by_number["sw"][6] == "ICMP"
    assert "指标超限 1 次（disk 96% ＞ 95%）" in by_number["sw"][9]
    assert "指标" not in by_number["cam-2"][9]


def test_faults_are_counted_by_the_weekday_and_hour_they_began_in(tmp_path: Path) -> None:
    (path,) = made(tmp_path, Format.XLSX, ReportKind.STATISTICS)
    book = load_workbook(path)
    hours = {row[0]: row[1:] for row in book["按小时统计"].iter_rows(values_only=True, min_row=2)}
    # Fourteen times cam-0 at midnight, once the switch and nine cameras behind it at five.
    assert len(hours) == 25 and hours["00:00 – 00:59"][:3] == (14, 14, 1)
    assert hours["05:00 – 05:59"] == (10, 1, 10, 18_000)
    assert sum(row[0] for name, row in hours.items() if name != "合计") == 24
    days = {row[0]: row[1] for row in book["按星期统计"].iter_rows(values_only=True, min_row=2)}
    assert days["周四"] == 10 + 2, "2026-06-11, and every other day from the 2nd"


def test_every_text_is_there_in_chinese_and_in_english(tmp_path: Path) -> None:
    for kind in KINDS:
        (chinese,) = made(tmp_path / "zh", Format.HTML, kind)
        (english,) = made(tmp_path / "en", Format.HTML, kind, language=Language.EN)
        heads = html.fromstring(chinese.read_text()).xpath("//h1 | //h2 | //th | //caption | //dt")
        texts = [head.text_content() for head in heads if head.text_content() not in ("@城西", "城东")]
        assert all(re.search(r"[\u4e00-\u9fff]", text) for text in texts), texts
        heads = html.fromstring(english.read_text()).xpath("//h1 | //h2 | //th | //dt")
        assert not [h.text_content() for h in heads if re.search(r"[\u4e00-\u9fff]", h.text_content())]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("network unreachable", "network unreachable"),
        ("what carries it was off line", "what carries it was off…"),
        ("登录认证失败连接被拒绝", "登录认证失败连接被拒绝"),
        ("登录认证失败连接被拒绝了吗", "登录认证失败连接被拒绝…"),
    ],
)
def test_a_name_in_a_chart_gets_the_room_it_takes(name: str, shown: str) -> None:
    assert charts._short(name, 24) == shown


# -------------------------------------------------------------------- XLSX


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_text_and_numbers_are_numbers(tmp_path: Path, kind: ReportKind) -> None:
    (path,) = made(tmp_path, Format.XLSX, kind)
    formula = re.compile(r'=(SUM\(\w+:\w+\)|IF\(\w+=0,"",INT\(\w+\*10000/\w+\)/10000\))')
    hostile = 0
    for sheet in load_workbook(path).worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    assert formula.fullmatch(cell.value), (sheet.title, cell.coordinate, cell.value)
                elif isinstance(cell.value, str):
                    assert not re.fullmatch(r"[\d,]+(\.\d+)?%?", cell.value) or sheet.title == "概要", (
                        cell.coordinate
                    )
                    hostile += cell.value.startswith("=")
                    assert not cell.value.startswith("=") or cell.quotePrefix
    if kind in (ReportKind.INSPECTION, ReportKind.STATEMENT):
        assert hostile


@pytest.mark.parametrize("kind", KINDS)
def test_a_workbook_begins_with_where_everything_is_and_prints_on_whole_pages(
    tmp_path: Path, kind: ReportKind
) -> None:
    (path,) = made(tmp_path, Format.XLSX, kind)
    book = load_workbook(path)
    front, *sheets = book.worksheets
    links = [cell.hyperlink.location for row in front.iter_rows() for cell in row if cell.hyperlink]
    assert links == [f"'{sheet.title}'!A1" for sheet in sheets]
    assert all(sheet.sheet_properties.pageSetUpPr.fitToPage and sheet.print_title_rows for sheet in sheets)
    said = [cell.value for row in front.iter_rows() for cell in row]
    signed = kind in (ReportKind.STATEMENT, ReportKind.INSPECTION)
    assert said.count("签字（盖章）：") == 2 * signed


@pytest.mark.skipif(shutil.which("soffice") is None, reason="needs Debian's libreoffice-calc")
def test_libreoffice_recomputes_the_same_figures(tmp_path: Path) -> None:
    (path,) = made(tmp_path, Format.XLSX, ReportKind.STATEMENT)
    out = tmp_path / "out"
    subprocess.run(
        ["soffice", "--headless", f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--convert-to",
         "xlsx:Calc MS Excel 2007 XML", "--outdir", str(out), str(path)],
        check=True, capture_output=True, timeout=600, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    book = load_workbook(out / path.name, data_only=True)
    db = town()
    figures = read_figures(db, JUNE, Terms(), AFTER)
    db.close()
    rows = {row[0]: row for row in book["各辖区在线率"].iter_rows(values_only=True, min_row=2)}
    expected = tallies(figures.cameras, lambda stretch: stretch.area) | {"合计": tally(figures.cameras)}
    assert rows.keys() == expected.keys()
    for area, found in expected.items():
        row = rows[area]
        assert (row[2], row[4], row[5], row[6]) == (found.service, found.excluded, *found.rate())
        assert f"{row[7]:.2%}" == found.rate().percent()
        assert (row[8], row[9]) == found.gross()
        assert f"{row[10]:.2%}" == found.gross().percent()


# -------------------------------------------------------------------- PDF


def has_font() -> bool:
    try:
        return bool(find_font())
    except NoFont:
        return False


needs_font = pytest.mark.skipif(not has_font(), reason="needs Debian's fonts-noto-cjk")


@needs_font
@pytest.mark.skipif(shutil.which("pdffonts") is None, reason="needs Debian's poppler-utils")
def test_the_pdf_embeds_a_subset_and_its_text_can_be_searched(tmp_path: Path) -> None:
    for path in made(tmp_path, Format.PDF, ReportKind.STATEMENT, ReportKind.STATISTICS):
        listed = subprocess.run(["pdffonts", path], check=True, capture_output=True, text=True).stdout
        fonts_found = [line for line in listed.splitlines()[2:] if line]
        assert fonts_found and all(re.search(r"\byes yes yes\b", line) for line in fonts_found), listed
        assert path.stat().st_size < 500_000
        text = subprocess.run(["pdftotext", path, "-"], check=True, capture_output=True, text=True).stdout
        assert "2026-06-01 至 2026-06-30" in text
        assert "统计期" in text


@needs_font
def test_pdf_texts_fit_their_columns_however_long_the_name(tmp_path: Path) -> None:
    from monitor.reports.document import Document
    from monitor.reports.pdf import _Paper

    paper = _Paper(Document("题", "", (), JUNE.zone, words(Language.ZH_CN)), find_font())
    paper._font(8)
    for text in (HOSTILE * 3, "很长的名字" * 30, "3402000000132000000" * 4, "two words " * 20):
        lines = paper._wrapped(text, 25)
        assert all(paper.pdf.get_string_width(line) <= 25 for line in lines)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("line", "char", "broken"),
    [
        ("平均修复时间（MTTR", "）", ("平均修复时间", "（MTTR）")),
        ("在线率（", "不", ("在线率", "（不")),
        ("电源适配器损坏", "，", ("电源适配器损", "坏，")),
        ("340200000013", "2", ("340200000013", "2")),
    ],
)
def test_no_line_begins_with_a_closing_mark_or_ends_with_an_opening_one_and_short_words_stay_whole(
    line: str, char: str, broken: tuple[str, str]
) -> None:
    from monitor.reports.pdf import _broken

    assert _broken(line, char) == broken


def test_without_a_font_the_command_says_what_to_install_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "_FOLDERS", ())
    found = report(config(tmp_path), "monthly", "--of", "2026-06", "-o", str(tmp_path / "out"))
    assert found.exit_code == 1
    assert "install fonts-noto-cjk" in found.output
    assert not (tmp_path / "out").exists()
    found = report(
        tmp_path / "camwatch.toml", "monthly", "--of", "2026-06", "-f", "html", "-o", str(tmp_path / "out")
    )
    assert found.exit_code == 0, found.output


def test_a_file_that_is_no_font_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.ttf").write_bytes(b"not a font")
    with pytest.raises(NoFont, match="is not a font"):
        find_font(tmp_path / "x.ttf")


# -------------------------------------------------------------------- the command


def test_the_usual_reports_of_a_month(tmp_path: Path) -> None:
    found = report(
        config(tmp_path), "monthly", "--of", "2026-06-17", "-f", "html", "-f", "xlsx", "-o", str(tmp_path)
    )
    assert found.exit_code == 0, found.output
    names = sorted(Path(line).name for line in found.output.split())
    assert names == sorted(
        f"camwatch-{kind}-2026-06.{format_}"
        for kind in ("statement", "inspection", "ledger")
        for format_ in ("html", "xlsx")
    )
    assert not list(tmp_path.glob(".camwatch*")), "drafts are cleaned up"


@pytest.mark.parametrize(
    ("arguments", "words_"),
    [
        (("monthly", "--of", "2020-01"), "nothing to report"),
        (("monthly", "--of", "2199-01"), "is in the future"),
        (("daily", "--of", "2026-02-30"), "not a day"),
        (("quarterly", "--of", "2026Q2", "-r", "poem"), "'poem' is not one of"),
        (("monthly", "--of", "2026-06", "-o", "/proc/nowhere", "-f", "html"), "/proc/nowhere"),
        (("span", "--from", "2026-06-02", "--to", "2026-06-01"), "it must be later than --from"),
        (
            ("span", "--from", "2026-06-01", "--to", "2026-06-02", "-s", "area=火星"),
            "no device with area=火星",
        ),
        (("span", "--from", "2026-06-01", "--to", "2026-06-02", "-s", "street=x"), 'no label "street"'),
    ],
)
def test_bad_orders_are_refused_in_clear_words(
    tmp_path: Path, arguments: tuple[str, ...], words_: str
) -> None:
    found = report(config(tmp_path), *arguments)
    assert found.exit_code != 0
    assert words_ in " ".join(found.output.split())


def test_two_reports_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    """Both write drafts of their own; the last to finish is the file."""
    db = town()
    order = Order(Length.MONTH, JUNE, (ReportKind.STATEMENT, ReportKind.LEDGER), (Format.HTML,), tmp_path)
    one = make(db, order, Terms(), words(Language.EN), AFTER)
    other = make(db, order, Terms(), words(Language.EN), AFTER)
    assert next(one) == next(other)
    assert list(one) == list(other)
    db.close()
    assert (tmp_path / "camwatch-statement-2026-06.html").read_text().endswith("</html>\n")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_span_of_some_devices_is_of_these_alone(tmp_path: Path) -> None:
    found = report(
        config(tmp_path), "span", "--from", "2026-06-10 08:00", "--to", "2026-06-12", "-s", "area=城东", "-f",
        "html", "-o", str(tmp_path), "--language", "en",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    (path,) = map(Path, found.output.split())
    assert path.name == "camwatch-statement-20260610T080000-20260612T000000.html"
    text = html.fromstring(path.read_text()).text_content()
    assert "城东" in text and "@城西" not in text


def test_percentages_are_cut_off_never_rounded_up() -> None:
    assert Fraction(95_999, 100_000).percent() == "95.99%"
    assert Fraction(9_600, 10_000).percent() == "96.00%"
    assert Fraction(0, 0).percent() == ""
    assert not Fraction(9_600, 10_000).below(9_600)
    assert Fraction(9_599_999, 10_000_000).below(9_600)
