"""What a healthy simulated camera says over ONVIF: answers shaped like those of common Chinese cameras."""

from __future__ import annotations

from datetime import UTC, datetime

from monitor.simulate.camera import SimCamera
from monitor.simulate.faults import Fault

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl"'
    ' xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:ter="http://www.onvif.org/ver10/error"'
    ' xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">'
    "<env:Body>{}</env:Body></env:Envelope>"
)
CALLS = (
    "GetSystemDateAndTime",
    "GetCapabilities",
    "GetServices",
    "GetDeviceInformation",
    "GetProfiles",
    "GetStreamUri",
    "GetSnapshotUri",
    "SystemReboot",
)
OPEN_CALLS = ("GetSystemDateAndTime", "GetCapabilities", "GetServices")
"""Answered without a password (ONVIF Core, access class PRE_AUTH)."""


def reply(camera: SimCamera, call: str, now: float, host: str, http_port: int, rtsp_port: int) -> bytes:
    """The envelope that answers ``call``; ``now`` is the true time (s), ``host`` the address to name."""
    body = _BODIES[call](camera, now, f"http://{host}:{http_port}", f"rtsp://{host}:{rtsp_port}")
    return _ENVELOPE.format(body).encode()


def fault_reply(subcode: str, text: str) -> bytes:
    return _ENVELOPE.format(
        "<env:Fault><env:Code><env:Value>env:Sender</env:Value><env:Subcode>"
        f"<env:Value>{subcode}</env:Value></env:Subcode></env:Code>"
        f'<env:Reason><env:Text xml:lang="en">{text}</env:Text></env:Reason></env:Fault>'
    ).encode()


def empty_reply(call: str) -> bytes:
    prefix = "trt" if call in ("GetProfiles", "GetStreamUri", "GetSnapshotUri") else "tds"
    return _ENVELOPE.format(f"<{prefix}:{call}Response/>").encode()


def _date(camera: SimCamera, now: float, http: str, rtsp: str) -> str:
    at = datetime.fromtimestamp(now + camera.skew_s, UTC)
    return (
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>"
        "<tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>CST-8</tt:TZ></tt:TimeZone>"
        f"<tt:UTCDateTime><tt:Time><tt:Hour>{at.hour}</tt:Hour><tt:Minute>{at.minute}</tt:Minute>"
        f"<tt:Second>{at.second}</tt:Second></tt:Time><tt:Date><tt:Year>{at.year}</tt:Year>"
        f"<tt:Month>{at.month}</tt:Month><tt:Day>{at.day}</tt:Day></tt:Date></tt:UTCDateTime>"
        "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


def _capabilities(camera: SimCamera, now: float, http: str, rtsp: str) -> str:
    return (
        "<tds:GetCapabilitiesResponse><tds:Capabilities>"
        f"<tt:Device><tt:XAddr>{http}/onvif/device_service</tt:XAddr></tt:Device>"
        f"<tt:Media><tt:XAddr>{http}/onvif/Media</tt:XAddr><tt:StreamingCapabilities>"
        "<tt:RTPMulticast>false</tt:RTPMulticast><tt:RTP_TCP>true</tt:RTP_TCP>"
        "<tt:RTP_RTSP_TCP>true</tt:RTP_RTSP_TCP></tt:StreamingCapabilities></tt:Media>"
        "</tds:Capabilities></tds:GetCapabilitiesResponse>"
    )


def _services(camera: SimCamera, now: float, http: str, rtsp: str) -> str:
    def service(name: str, path: str) -> str:
        return (
            f"<tds:Service><tds:Namespace>http://www.onvif.org/ver10/{name}/wsdl</tds:Namespace>"
            f"<tds:XAddr>{http}{path}</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor>"
            "</tds:Version></tds:Service>"
        )

    both = service("device", "/onvif/device_service") + service("media", "/onvif/Media")
    return f"<tds:GetServicesResponse>{both}</tds:GetServicesResponse>"


def _information(camera: SimCamera, now: float, http: str, rtsp: str) -> str:
    serial = "SIMREPLACED01" if camera.fault is Fault.REPLACED else camera.serial
    return (
        "<tds:GetDeviceInformationResponse><tds:Manufacturer>SIMCAM</tds:Manufacturer>"
        f"<tds:Model>{camera.model}</tds:Model><tds:FirmwareVersion>{camera.firmware}</tds:FirmwareVersion>"
        f"<tds:SerialNumber>{serial}</tds:SerialNumber><tds:HardwareId>88</tds:HardwareId>"
        "</tds:GetDeviceInformationResponse>"
    )


_MULTICAST = (
    "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>0.0.0.0</tt:IPv4Address></tt:Address>"
    "<tt:Port>8860</tt:Port><tt:TTL>128</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>"
)
_ANALYTICS = "".join(
    f'<tt:{kind} Name="My{name}" Type="tt:{name}"><tt:Parameters>'
    '<tt:SimpleItem Name="Sensitivity" Value="60"/>'
    '<tt:ElementItem Name="Layout"><tt:CellLayout Columns="22" Rows="18"><tt:Transformation>'
    '<tt:Translate x="-1.0" y="-1.0"/><tt:Scale x="0.09" y="0.11"/></tt:Transformation></tt:CellLayout>'
    f"</tt:ElementItem></tt:Parameters></tt:{kind}>"
    for kind, name in (("AnalyticsModule", "CellMotionEngine"), ("AnalyticsModule", "TamperEngine"))
)


def _profile(token: str, name: str) -> str:
    """One profile, with all the configurations that a dome camera lists in each (about 5 kB)."""
    # Media version 1 knows no H.265: cameras that send it say H264 here, as these do.
    return (
        f'<trt:Profiles token="{token}" fixed="true"><tt:Name>{name}</tt:Name>'
        '<tt:VideoSourceConfiguration token="VideoSourceToken"><tt:Name>VideoSourceConfig</tt:Name>'
        "<tt:UseCount>3</tt:UseCount><tt:SourceToken>VideoSource_1</tt:SourceToken>"
        '<tt:Bounds x="0" y="0" width="320" height="180"/></tt:VideoSourceConfiguration>'
        '<tt:AudioSourceConfiguration token="AudioSourceConfigToken"><tt:Name>AudioSourceConfig</tt:Name>'
        "<tt:UseCount>3</tt:UseCount><tt:SourceToken>AudioSourceChannel</tt:SourceToken>"
        "</tt:AudioSourceConfiguration>"
        f'<tt:VideoEncoderConfiguration token="Encoder{token}"><tt:Name>Encoder</tt:Name>'
        "<tt:UseCount>1</tt:UseCount><tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>320</tt:Width>"
        "<tt:Height>180</tt:Height></tt:Resolution><tt:Quality>3</tt:Quality><tt:RateControl>"
        "<tt:FrameRateLimit>25</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval>"
        "<tt:BitrateLimit>256</tt:BitrateLimit></tt:RateControl><tt:H264><tt:GovLength>25</tt:GovLength>"
        f"<tt:H264Profile>Main</tt:H264Profile></tt:H264>{_MULTICAST}<tt:SessionTimeout>PT5S</tt:SessionTimeout>"
        "</tt:VideoEncoderConfiguration>"
        '<tt:AudioEncoderConfiguration token="MainAudioEncoderToken"><tt:Name>AudioEncoderConfig</tt:Name>'
        "<tt:UseCount>3</tt:UseCount><tt:Encoding>G711</tt:Encoding><tt:Bitrate>64</tt:Bitrate>"
        f"<tt:SampleRate>8</tt:SampleRate>{_MULTICAST}<tt:SessionTimeout>PT5S</tt:SessionTimeout>"
        "</tt:AudioEncoderConfiguration>"
        '<tt:VideoAnalyticsConfiguration token="VideoAnalyticsToken"><tt:Name>VideoAnalyticsName</tt:Name>'
        f"<tt:UseCount>3</tt:UseCount><tt:AnalyticsEngineConfiguration>{_ANALYTICS}"
        "</tt:AnalyticsEngineConfiguration><tt:RuleEngineConfiguration/></tt:VideoAnalyticsConfiguration>"
        '<tt:PTZConfiguration token="PTZToken"><tt:Name>PTZ</tt:Name><tt:UseCount>3</tt:UseCount>'
        "<tt:NodeToken>PTZNODETOKEN</tt:NodeToken><tt:DefaultPTZTimeout>PT300S</tt:DefaultPTZTimeout>"
        "</tt:PTZConfiguration>"
        '<tt:MetadataConfiguration token="MetaDataToken"><tt:Name>metaData</tt:Name>'
        "<tt:UseCount>3</tt:UseCount>"
        "<tt:PTZStatus><tt:Status>false</tt:Status><tt:Position>false</tt:Position></tt:PTZStatus>"
        f"<tt:Analytics>false</tt:Analytics>{_MULTICAST}<tt:SessionTimeout>PT5S</tt:SessionTimeout>"
        "</tt:MetadataConfiguration></trt:Profiles>"
    )


_PROFILES = "".join(
    _profile(f"Profile_{number}", name)
    for number, name in enumerate(("mainStream", "subStream", "thirdStream"), start=1)
)


def _profiles(camera: SimCamera, now: float, http: str, rtsp: str) -> str:
    return f"<trt:GetProfilesResponse>{_PROFILES}</trt:GetProfilesResponse>"


def _media_uri(call: str, uri: str) -> str:
    return (
        f"<trt:{call}Response><trt:MediaUri><tt:Uri>{uri}</tt:Uri>"
        "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false"
        f"</tt:InvalidAfterReboot><tt:Timeout>PT60S</tt:Timeout></trt:MediaUri></trt:{call}Response>"
    )


def _stream_uri(camera: SimCamera, now: float, http: str, rtsp: str) -> str:
    return _media_uri(
        "GetStreamUri", f"{rtsp}/Streaming/Channels/101?transportmode=unicast&amp;profile=Profile_1"
    )


def _snapshot_uri(camera: SimCamera, now: float, http: str, rtsp: str) -> str:
    return _media_uri("GetSnapshotUri", f"{http}/onvif-http/snapshot?Profile_1")


def _reboot(camera: SimCamera, now: float, http: str, rtsp: str) -> str:
    return "<tds:SystemRebootResponse><tds:Message>Rebooting</tds:Message></tds:SystemRebootResponse>"


_BODIES = dict(
    zip(
        CALLS,
        (_date, _capabilities, _services, _information, _profiles, _stream_uri, _snapshot_uri, _reboot),
        strict=True,
    )
)
