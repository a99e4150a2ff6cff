"""The columns of "one camera, one record" lists, by the names that teams give them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from monitor.model import Kind


class Field(StrEnum):
    """What a row can say of a device, in the order of ``cells.Row``."""

    ID = "id"
    NAME = "name"
    KIND = "kind"
    ADDRESS = "address"
    SITE = "site"
    AREA = "area"
    KEY_SITE = "key_site"
    PARENTS = "parents"
    VENDOR = "vendor"
    MODEL = "model"
    LONGITUDE = "longitude"
    LATITUDE = "latitude"
    FEEDER = "feeder"
    TAGS = "tags"
    CHECKS = "checks"
    LIVENESS = "liveness"


REQUIRED = (Field.ID, Field.NAME, Field.ADDRESS)

SYNONYMS: dict[Field, str] = {
    Field.ID: """
        id 设备编码 国标编码 国标编号 国标ID 设备国标编码 设备编号 摄像机编码 摄像机编号 编号 编码 设备ID
        device_id code gb_code gbid""",
    Field.NAME: "name 名称 设备名称 点位名称 摄像机名称 监控点名称 device_name",
    Field.KIND: "kind 类型 设备类型 类别 设备类别 type device_type",
    Field.ADDRESS: """
        address IP IP地址 设备IP IPv4 IPv6 IPv4地址 IPv6地址 地址 设备地址 网络地址
        域名 host hostname ip_address""",
    Field.SITE: "site 站点 点位 场所 站点名称 场所名称 安装地点 安装位置 location",
    Field.AREA: """
        area 辖区 区域 派出所 所属辖区 所属区域 所属派出所 行政区域 行政区划 分局
        district police_station region""",
    Field.KEY_SITE: "key_site key 重点部位 是否重点部位 重点 是否重点 重点点位 是否重点点位",
    Field.PARENTS: """
        parents parent 上级设备 父设备 上级 上联设备 上联交换机 接入交换机 所属交换机 上级设备编码 父设备编码
        uplink""",
    Field.VENDOR: "vendor 厂商 品牌 厂家 生产厂家 设备厂商 设备厂家 manufacturer brand",
    Field.MODEL: "model 型号 设备型号 规格型号",
    Field.LONGITUDE: "longitude 经度 lon lng",
    Field.LATITUDE: "latitude 纬度 lat",
    Field.FEEDER: "feeder 供电 馈线 供电线路 供电馈线 取电点 供电来源 power_feeder",
    Field.TAGS: "tags tag 标签",
    Field.CHECKS: "checks 检查 检查项 检测项",
    Field.LIVENESS: "liveness 在线判定 在线判据 存活检查",
}
"""The headings of each field, separated by blanks; ``_``, case, width and (remarks) make no difference."""

KEPT_SILENT = frozenset({"序号", "备注", "no", "no.", "#", "remark", "remarks", "note", "notes", "comment"})
"""Columns that most lists have and that say nothing of the device: not worth a warning."""

_KIND_WORDS = {
    Kind.CAMERA: """
        摄像机 摄像头 相机 球机 枪机 半球 半球机 枪型摄像机 球型摄像机 半球摄像机 网络摄像机 卡口 电警
        人脸抓拍机 监控点 ipc ptz dome""",
    Kind.RECORDER: "录像机 硬盘录像机 网络录像机 存储 nvr dvr cvr",
    Kind.SWITCH: "交换机 接入交换机 汇聚交换机 核心交换机 工业交换机 路由器 光猫 onu olt router",
    Kind.SERVER: "服务器 主机 流媒体服务器 存储服务器 host",
    Kind.UPS: "不间断电源 ups电源 电源",
    Kind.PLATFORM: "平台 视频平台 级联平台 下级平台 上级平台",
}
KIND_WORDS = {word: kind for kind in Kind for word in (kind.value, *_KIND_WORDS[kind].split())}


def folded(text: str) -> str:
    """A heading or word without what does not tell it from another: width, case, blanks, (remarks)."""
    plain = unicodedata.normalize("NFKC", text).casefold().partition("(")[0]
    return "".join(plain.replace("\ufeff", "").replace("_", " ").replace("*", "").split())


_BY_NAME = {folded(name): field for field, names in SYNONYMS.items() for name in names.split()}
_SILENT = frozenset(map(folded, KEPT_SILENT))


@dataclass(frozen=True, slots=True)
class Header:
    """Which column says what."""

    names: tuple[str, ...]
    """As the file has them."""
    fields: tuple[Field | None, ...]
    index: tuple[int, ...]
    """For each ``Field`` in order its column, -1 where the table has none."""

    @property
    def missing(self) -> list[Field]:
        return [field for field in REQUIRED if field not in self.fields]

    @property
    def unknown(self) -> list[str]:
        return [
            name
            for name, field in zip(self.names, self.fields, strict=True)
            if field is None and name.strip() and folded(name) not in _SILENT
        ]

    @property
    def twice(self) -> list[tuple[Field, list[str]]]:
        """Fields that more than one column claims."""
        return [
            (field, [name for name, its in zip(self.names, self.fields, strict=True) if its is field])
            for field in dict.fromkeys(self.fields)
            if field is not None and self.fields.count(field) > 1
        ]

    @property
    def known(self) -> int:
        return sum(field is not None for field in set(self.fields))

    def column(self, field: Field) -> int:
        return self.index[_ORDER[field]]


_ORDER = {field: number for number, field in enumerate(Field)}


def read_header(names: Sequence[str]) -> Header:
    fields = tuple(_BY_NAME.get(folded(name)) for name in names)
    return Header(
        tuple(name.strip() for name in names),
        fields,
        tuple(fields.index(field) if field in fields else -1 for field in Field),
    )


def looks_like_header(header: Header) -> bool:
    """Two known columns, one of them the id, name or address: not a title, not a row of data."""
    return header.known >= 2 and any(field in header.fields for field in REQUIRED)
