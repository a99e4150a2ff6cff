"""Signatures as the vendors publish them, the cost of short messages, cutting long ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.notifiers.plugins import aliyun_sms, tencent_sms
from monitor.notifiers.plugins.sms_parts import Alphabet, sms_parts
from monitor.notifiers.plugins.split import split_bytes


def test_aliyun_signature_equals_the_published_examples() -> None:
    """SendSms (help.aliyun.com/document_detail/101343.html) and DescribeRegions (…/25492.html)."""
    sms = {
        "AccessKeyId": "testId",
        "Timestamp": "2017-07-12T02:42:19Z",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": "45e25e9b-0a6f-4070-8c85-2956eda1b466",
        "Format": "XML",
        "Action": "SendSms",
        "Version": "2017-05-25",
        "RegionId": "cn-hangzhou",
        "PhoneNumbers": "15300000001",
        "SignName": "阿里云短信测试专用",
        "TemplateCode": "SMS_71390007",
        "TemplateParam": '{"customer":"test"}',
        "OutId": "123",
    }
    assert aliyun_sms.signature("GET", sms, "testSecret") == "zJDF+Lrzhj/ThnlvIToysFRq6t4="
    regions = {
        "Timestamp": "2016-02-23T12:46:24Z",
        "Format": "XML",
        "AccessKeyId": "testid",
        "Action": "DescribeRegions",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
        "Version": "2014-05-26",
        "SignatureVersion": "1.0",
    }
    assert aliyun_sms.signature("GET", regions, "testsecret") == "OLeaidS1JvxuMvnyHOwuJ+uX5qY="


def test_tencent_signature_equals_the_published_example() -> None:
    """DescribeInstances (cloud.tencent.com/document/api/213/30654)."""
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    signed = tencent_sms.signature(
        "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "cvm", "cvm.tencentcloudapi.com", body, 1551113065
    )
    assert signed == "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"


@pytest.mark.parametrize(
    ("text", "alphabet", "units", "parts"),
    [
        ("", Alphabet.GSM7, 0, 1),
        ("a" * 160, Alphabet.GSM7, 160, 1),
        ("a" * 161, Alphabet.GSM7, 161, 2),
        ("a" * 306, Alphabet.GSM7, 306, 2),
        ("a" * 307, Alphabet.GSM7, 307, 3),
        ("[" * 80, Alphabet.GSM7, 160, 1),
        ("a" * 152 + "[" + "a" * 152, Alphabet.GSM7, 306, 3),  # an escape is never parted from its character
        ("台" * 70, Alphabet.UCS2, 70, 1),
        ("台" * 71, Alphabet.UCS2, 71, 2),
        ("台" * 134, Alphabet.UCS2, 134, 2),
        ("台" * 135, Alphabet.UCS2, 135, 3),
        ("a台", Alphabet.UCS2, 2, 1),
        ("😀" * 35, Alphabet.UCS2, 70, 1),
        ("a" * 66 + "😀" + "a" * 66, Alphabet.UCS2, 134, 3),  # nor one half of a surrogate pair
    ],
)
def test_parts_of_a_short_message_are_counted_as_operators_bill_them(
    text: str, alphabet: Alphabet, units: int, parts: int
) -> None:
    counted = sms_parts(text)
    assert (counted.alphabet, counted.units, counted.parts) == (alphabet, units, parts)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=3000), st.integers(60, 2048))
def test_splitting_loses_nothing_and_keeps_the_limit(text: str, limit: int) -> None:
    parts = split_bytes(text, limit)
    assert all(len(part.encode()) <= limit for part in parts)
    if len(parts) > 1:
        assert all(part.endswith(f" ({n}/{len(parts)})") for n, part in enumerate(parts, 1))
        parts = [part[: part.rindex(" (")] for part in parts]
    assert "".join(parts).replace("\n", "") == text.replace("\n", "")
