"""Lists of cameras as teams keep them: headings, encodings, cells, and what they come to."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import ConfigError, load
from monitor.inventory import Inventory, Site, diff
from monitor.inventory.address import canonical
from monitor.inventory.columns import KIND_WORDS, SYNONYMS, Field, read_header
from monitor.model import Device, DeviceId, Kind
from tests.config_support import DEVICE, loaded, refused, with_list, written

CHINESE = (
    "国标编码,设备名称,设备类型,IP地址,点位,派出所,是否重点部位,上级设备,品牌,型号,经度,纬度,馈线,标签\n"
    "34020000001320000001,东门枪机,枪机,10.0.0.1,东门,城东派出所,是,SW-1;SW-2,海康威视,DS-2CD,118.5,31.25,"
    "12号线,路段=站前路;室外\n"
    "SW-1,交换机一,交换机,10.0.1.1,机房,城东派出所,否,,华为,S5735,,,,\n"
    "SW-2,交换机二,交换机,10.0.1.2,机房,城东派出所,,,华为,S5735,,,,\n"
)
EXPECTED = Device(
    id=DeviceId("34020000001320000001"),
    name="东门枪机",
    kind=Kind.CAMERA,
    address="10.0.0.1",
    site="东门",
    area="城东派出所",
    key_site=True,
    parents=(DeviceId("SW-1"), DeviceId("SW-2")),
    vendor="海康威视",
    model="DS-2CD",
    longitude=118.5,
    latitude=31.25,
    feeder="12号线",
    tags={"路段": "站前路", "室外": "true"},
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_chinese_list_is_read_whole_in_each_encoding(tmp_path: Path, encoding: str) -> None:
    inventory = load(with_list(tmp_path, "cameras.csv", CHINESE.encode(encoding))).inventory
    device = inventory.devices[EXPECTED.id]
    assert device == EXPECTED
    assert inventory.children == {"SW-1": (EXPECTED.id,), "SW-2": (EXPECTED.id,)}
    assert inventory.sites["东门"] == Site("东门", "城东派出所", key_site=True)
    assert inventory.areas == ("城东派出所",)
    assert inventory.by_kind() == {Kind.CAMERA: 1, Kind.SWITCH: 2}


def test_no_chinese_heading_in_gb18030_can_be_taken_for_utf8() -> None:
    """So that a list with Chinese headings is never read in the wrong one of the two encodings."""
    names = [name for names in SYNONYMS.values() for name in names.split() if not name.isascii()]
    assert names
    for name in names:
        with pytest.raises(UnicodeDecodeError):
            name.encode("gb18030").decode("utf-8")


def test_gb18030_in_four_bytes_is_read(tmp_path: Path) -> None:
    """㐀 is in no older code page."""
    raw = "编号,名称,IP地址\n1,㐀村东口,10.0.0.1\n".encode("gb18030")
    assert load(with_list(tmp_path, "cameras.csv", raw)).inventory.devices[DeviceId("1")].name == "㐀村东口"


def test_every_heading_we_promise_is_understood() -> None:
    for field, names in SYNONYMS.items():
        for name in names.split():
            assert read_header([name]).fields == (field,), name


def test_no_heading_means_two_things() -> None:
    names = [read_header([name]).names[0].casefold() for names in SYNONYMS.values() for name in names.split()]
    assert len(names) == len(set(names))


def test_headings_are_known_in_any_dress() -> None:
    header = read_header(
        ["\ufeff设备编码", "ＩＰ 地址", "  名称（必填）", "Device Type", "经度(°)", "KEY SITE"]
    )
    assert header.fields == (
        Field.ID, Field.ADDRESS, Field.NAME, Field.KIND, Field.LONGITUDE, Field.KEY_SITE,
    )  # fmt: skip


def test_every_kind_has_words_in_both_languages() -> None:
    for kind in Kind:
        words = [word for word, its in KIND_WORDS.items() if its is kind]
        assert any(word.isascii() for word in words) and any(not word.isascii() for word in words)


def test_titles_above_the_headings_do_no_harm(tmp_path: Path) -> None:
    text = "城东分局视频监控点位一览表,,\n制表日期：2026-01-01,,\n序号,编号,名称,IP\n1,C1,东门,10.0.0.1\n"
    config = load(with_list(tmp_path, "cameras.csv", text.encode()))
    assert list(config.inventory.devices) == ["C1"]
    assert config.warnings == ()


def test_blank_lines_and_short_rows_are_no_fault(tmp_path: Path) -> None:
    text = "id,name,address,area,site\n\nC1,Gate,10.0.0.1\n,,,,\n\nC2,Yard,10.0.0.2,East\n"
    inventory = load(with_list(tmp_path, "cameras.csv", text.encode())).inventory
    assert [device.area for device in inventory.devices.values()] == ["", "East"]


def test_rows_are_counted_as_a_spreadsheet_shows_them(tmp_path: Path) -> None:
    """A cell of two lines is one row."""
    text = 'id,name,address\nC1,"Gate\nEast",10.0.0.1\n\nC2,Yard,10.0.0.999\n'
    problem = refused(with_list(tmp_path, "cameras.csv", text.encode()))[0]
    assert problem.path == 'row 4, column "address"'


def test_a_name_of_two_lines_becomes_one(tmp_path: Path) -> None:
    text = 'id,name,address\nC1,"Gate\nEast",10.0.0.1\n'
    config = load(with_list(tmp_path, "cameras.csv", text.encode()))
    assert config.inventory.devices[DeviceId("C1")].name == "Gate East"
    assert len(config.warnings) == 1


def test_what_was_tidied_is_told_once_a_column(tmp_path: Path) -> None:
    rows = "".join(f" Ｃ{n} ,Gate,10.0.0.{n}\n" for n in range(1, 100))
    config = load(with_list(tmp_path, "cameras.csv", f"id,name,address\n{rows}".encode()))
    assert next(iter(config.inventory.devices)) == "C1"
    (warning,) = config.warnings
    assert warning.path == 'column "id"'
    assert warning.message.startswith("99 cells ")


def test_text_that_only_a_spreadsheet_would_write_is_understood(tmp_path: Path) -> None:
    """="…" and a leading apostrophe keep long numbers whole in a spreadsheet."""
    text = 'id,name,address\n"=""34020000001320000001""",A,10.0.0.1\n\'34020000001320000002,B,10.0.0.2\n'
    inventory = load(with_list(tmp_path, "cameras.csv", text.encode())).inventory
    assert list(inventory.devices) == ["34020000001320000001", "34020000001320000002"]


def test_a_site_lends_its_devices_what_their_rows_leave_out(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        'inventory = ["cameras.csv"]\n[[site]]\nname = "Station"\narea = "East"\nkey_site = true\n'
        "longitude = 118.5\nlatitude = 31.25\n",
        cameras_csv="id,name,address,site,lon,lat\nC1,Gate,10.0.0.1,Station,,\nC2,Door,10.0.0.2,Station,1,2\n",
    )
    first, second = config.inventory.devices.values()
    assert (first.area, first.key_site, first.longitude, first.latitude) == ("East", True, 118.5, 31.25)
    assert (second.longitude, second.latitude) == (1.0, 2.0)


def test_a_fault_is_told_where_it_is_and_not_at_all_that_refers_to_it(tmp_path: Path) -> None:
    """The parent's row is refused; its children's rows are sound."""
    text = "id,name,address,parent\nSW 1,Switch,10.0.0.1,\nC1,Gate,10.0.0.2,SW 1\n"
    (problem,) = refused(with_list(tmp_path, "cameras.csv", text.encode()))
    assert problem.path == 'row 2, column "id"'


def test_an_unreadable_list_makes_no_parent_unknown(tmp_path: Path) -> None:
    path = written(tmp_path, 'inventory = ["none.csv"]\n' + DEVICE + 'parents = ["SW-1"]\n')
    assert [problem.path for problem in refused(path)] == ["inventory[1]"]


def test_a_fault_in_each_of_many_rows_is_told_for_each(tmp_path: Path) -> None:
    rows = "".join(f"C{n},Gate,camra,10.{n >> 8 & 255}.{n & 255}.300\n" for n in range(5000))
    problems = refused(with_list(tmp_path, "cameras.csv", f"id,name,kind,address\n{rows}".encode()))
    assert len(problems) == 10_000


@pytest.mark.parametrize(
    "text",
    ["10.0.0.1", "127.200.3.4", "2001:db8::1", "fe80::1%eth0", "::1", "cam1", "cam-1.example.com", "3com",
     "1.camera", "a" * 63 + ".example.com", "xn--fiqs8s"],
)  # fmt: skip
def test_a_good_address_is_taken(text: str) -> None:
    assert canonical(text)


@pytest.mark.parametrize(
    "text",
    ["", "10.0.0", "10.0.0.256", "10.0.0.01", "1.2.3.4.5", "0.0.0.0", "255.255.255.255", "239.1.2.3", "::",
     "ff02::1", "2001:db8::1::2", "[2001:db8::1]", "-cam", "cam-", "cam_1", "a" * 64, "a..b", ".a", "海康",
     "10.0.0.1 ", "10.0.0.1\x00", "a" * 63 + "." + "b" * 63 + "." + "c" * 63 + "." + "d" * 63],
)  # fmt: skip
def test_a_bad_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=";"):
        canonical(text)


def test_spellings_of_one_address_are_one() -> None:
    assert canonical("2001:DB8:0:0::1") == canonical("2001:db8::1")
    assert canonical("Cam1.Example.COM.") == canonical("cam1.example.com")


def test_a_reload_knows_what_came_what_went_and_what_changed() -> None:
    def device(id_: str, **more: object) -> Device:
        return Device(DeviceId(id_), id_, Kind.CAMERA, "10.0.0.1", **more)  # type: ignore[arg-type]

    old = Inventory.of([device("A"), device("B"), device("C", tags={"a": "1"})])
    new = Inventory.of([device("B"), device("C", tags={"a": "2"}), device("D")])
    changes = diff(old, new)
    assert [d.id for d in changes.added] == ["D"]
    assert [d.id for d in changes.removed] == ["A"]
    assert [(c.old.tags, c.new.tags) for c in changes.changed] == [({"a": "1"}, {"a": "2"})]
    assert not diff(old, Inventory.of(old.devices.values()))


@settings(max_examples=300)
@given(
    rows=st.lists(
        st.lists(
            st.text(max_size=20)
            | st.sampled_from(
                ["1", "SW-1", "10.0.0.1", "是", "118.5", "a=1;b", "icmp", "摄像机", '"', "=", "'"]
            ),
            max_size=17,
        ),
        max_size=6,
    ),
    encoding=st.sampled_from(["utf-8", "gb18030"]),
)
def test_no_cell_crashes_the_reader(tmp_path: Path, rows: list[list[str]], encoding: str) -> None:
    """Whatever stands in a list, it is taken or refused with a place."""
    text = io.StringIO()
    csv.writer(text).writerows([list(Field), *rows])
    raw = text.getvalue().encode(encoding, "surrogatepass" if encoding == "utf-8" else "replace")
    try:
        load(with_list(tmp_path, "cameras.csv", raw))
    except ConfigError as error:
        assert error.problems


@settings(max_examples=200)
@given(raw=st.binary(max_size=300) | st.binary(max_size=100).map(lambda tail: CHINESE.encode() + tail))
def test_no_bytes_crash_the_reader(tmp_path: Path, raw: bytes) -> None:
    try:
        load(with_list(tmp_path, "cameras.csv", raw))
    except ConfigError as error:
        assert error.problems


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_long_list_is_read_whole(tmp_path: Path, count: int) -> None:
    rows = "".join(
        f"C{n},Gate {n},10.{n >> 16}.{n >> 8 & 255}.{n & 255},Site {n // 20},Area {n // 1000},SW-1\n"
        for n in range(count)
    )
    head = "id,name,address,site,area,parent\nSW-1,Switch,10.200.0.1,,,\n"
    inventory = load(with_list(tmp_path, "cameras.csv", (head + rows).encode())).inventory
    assert len(inventory) == count + 1
    assert len(inventory.children[DeviceId("SW-1")]) == count
    areas = {id(device.area) for device in inventory.devices.values()}
    assert len(areas) == len(inventory.areas) + 1, "each area's text is kept once"


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_a_list_with_other_marks_between_its_cells_is_told_what_to_do(
    tmp_path: Path, mark: str, name: str
) -> None:
    text = "编号,名称,IP地址\ncam-1,东门,10.0.0.1\n".replace(",", mark)
    (problem, *_) = refused(with_list(tmp_path, "cameras.csv", text.encode("gb18030")))
    assert problem.right == f"its cells are separated by {name}; save it with commas between them"
