"""Policies: what they say, and that servers' spellings of them are recognised."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory_operator.systems.s3.policies import bucket_policy, same_policy, sealed_policy, session_policy

STORED_BY_MINIO = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": {"AWS": ["*"]},
            "Action": ["s3:*"],
            "Resource": ["arn:aws:s3:::b/*", "arn:aws:s3:::b"],
            "Condition": {"Bool": {"aws:SecureTransport": ["false"]}},
        }
    ],
}


def test_a_servers_spelling_is_the_same_policy() -> None:
    assert same_policy(bucket_policy("b", tls_only=True), STORED_BY_MINIO)


@pytest.mark.parametrize(
    ("path", "value"),
    [("Effect", "Allow"), ("Principal", {"AWS": ["arn:aws:iam::1:root"]}), ("Action", "s3:Get*"), ("Condition", {})],
)
def test_a_policy_that_says_something_else_is_not(path: str, value: object) -> None:
    other = {**STORED_BY_MINIO, "Statement": [{**STORED_BY_MINIO["Statement"][0], path: value}]}  # type: ignore[dict-item]
    assert not same_policy(bucket_policy("b", tls_only=True), other)
    assert not same_policy(None, other)
    assert same_policy(None, None)


def test_plain_http_has_no_tls_rule() -> None:
    assert bucket_policy("b", tls_only=False) is None
    assert [each["Sid"] for each in sealed_policy("b", tls_only=False)["Statement"]] == ["Sealed"]
    assert [each["Sid"] for each in sealed_policy("b", tls_only=True)["Statement"]] == ["TlsOnly", "Sealed"]


@given(st.from_regex(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", fullmatch=True))
def test_a_session_policy_fits_into_what_sts_takes_and_names_one_bucket(bucket: str) -> None:
    policy = session_policy(bucket)
    assert len(json.dumps(policy, separators=(",", ":"))) <= 2048  # AWS: AssumeRole, parameter Policy
    resources = {resource for each in policy["Statement"] for resource in each["Resource"]}
    assert resources == {f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"}


def test_sealing_ends_all_that_a_session_may_do_with_objects() -> None:
    sealed = set(sealed_policy("b", tls_only=False)["Statement"][0]["Action"])
    assert {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"} == sealed
