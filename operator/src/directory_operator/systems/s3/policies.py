"""Bucket policies and session policies, and one spelling for all that mean the same. Pure."""

import json
from collections.abc import Mapping
from typing import Any, Final

Policy = dict[str, Any]

_OBJECT_ACTIONS: Final = (
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
)
_BUCKET_ACTIONS: Final = ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads")


def session_policy(bucket: str) -> Policy:
    """What a session's holder may do: the objects of one bucket, or of all that match a pattern ending in `*`.

    Older versions of an object can't be deleted with it: what versioning keeps is kept from a stolen credential too.
    """
    return _policy(
        {"Effect": "Allow", "Action": list(_OBJECT_ACTIONS), "Resource": [f"arn:aws:s3:::{bucket}/*"]},
        {"Effect": "Allow", "Action": list(_BUCKET_ACTIONS), "Resource": [f"arn:aws:s3:::{bucket}"]},
    )


def bucket_policy(bucket: str, *, tls_only: bool) -> Policy | None:
    """The policy of a bucket in use: everybody stays out except by their own rights, and unencrypted not even so.

    None where the platform's endpoint is plain http (a local machine): the rule would lock out everybody.
    """
    return _policy(_tls_only(bucket)) if tls_only else None


def sealed_policy(bucket: str, *, tls_only: bool) -> Policy:
    """The policy of a bucket whose tenant is gone: sessions that have not run out yet end here.

    It names exactly what sessions may do, so that the operator can still empty the bucket (by versions).
    """
    seal = {
        "Sid": "Sealed",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"],
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    return _policy(*([_tls_only(bucket)] if tls_only else []), seal)


def same_policy(ours: Mapping[str, Any] | None, theirs: Mapping[str, Any] | None) -> bool:
    """Whether two policies say the same: servers sort lists and spell single values as lists."""
    return _canonical(ours or {}) == _canonical(theirs or {})


def _policy(*statements: Mapping[str, Any]) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _tls_only(bucket: str) -> Policy:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _canonical(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Every value as a sorted list: a policy may spell a single one without."""
    return {key: _items(value) for key, value in policy.items()}


def _items(value: Any) -> list[Any]:
    entries = [_item(each) for each in (value if isinstance(value, list | tuple) else [value])]
    return sorted(entries, key=lambda each: json.dumps(each, sort_keys=True))


def _item(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    entries = _canonical(value)
    return "*" if entries == {"AWS": ["*"]} else entries  # the same principal
