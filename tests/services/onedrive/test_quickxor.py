"""QuickXorHash against vectors that others published, and against its pseudo-code."""

from __future__ import annotations

import base64
import random

import pytest

from jarvis_dagster.services.client_storage.onedrive.quickxor import QuickXorHash
from tests.fakes.onedrive.hashing import quick_xor_hash

__all__: list[str] = []

# From the tests of rclone (MIT), which were made with Microsoft's own code.
_VECTORS = [
    ("", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ("Sg==", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="),
    ("tbQ=", "taAFAAAAAAAAAAAAAgAAAAAAAAA="),
    ("n6Neh7p6fFgm", "nxiFFw6hCz3wAQsmCQAAAAAAAAA="),
    ("2fuxhBJXtpWFe8dOfdGeHw==", "O9tHLAghgSvYohKFyMMxnNCHaHg="),
    ("T6LYJIfDh81JrAK309H2JMJTXis=", "zBTHrspn3mEcohlJdIUAbjGNaNg="),
    ("DWAAX5/CIfrmErgZa8ot6ZraeSbu", "LR2Z0PjuRYGKQB/mhQAuMrAGZbQ="),
    (
        "Mb7EGva2rEE5fENDL85P+BsapHEEjv2/siVhKjvAQe02feExVOQSkfmuYzU/kTF1MaKjPmKF/w+cbvwfdWL8aQ==",
        "n1anP5NfvD4XDYWIeRPW3ZkPv1Y=",
    ),
    (
        "qwGf2ESubE5jOUHHyc94ORczFYYbc2OmEzo+hBIyzJiNwAzC8PvJqtTzwkWkSslgHFGWQZR2BV5+uYTrYT7HVwRM"
        "40vqfj0dBgeDENyTenIOL1LHkjtDKoXEnQ0mXAHoJ8PjbNC93zi5TovVRXTNzfGEs5dpWVqxUzb5lc7dwkyvOluB"
        "w482mQ4xrzYyIY1t+//OrNi1ObGXuUw2jBQOFfJVj2Y6BOyYmfB1y36eBxi3zxeG5d5NYjm2GSh6e08QMAwu3zrI"
        "NcqIzLOuNIiGXBtl7DjKt7b5wqi4oFiRpZsCyx2smhSrdrtK/CkdU6nDN+34vSR/M8rZpWQdBE7a8g==",
        "WYT9JY3JIo/pEBp+tIM6Gt2nyTM=",
    ),
]


@pytest.mark.parametrize(("content", "wanted"), _VECTORS)
@pytest.mark.parametrize("piece", [1, 7, 64, 159, 160, 161, 1000])
def test_published_vectors_in_pieces_of_any_size(content: str, wanted: str, piece: int) -> None:
    data = base64.b64decode(content)
    digest = QuickXorHash()
    for start in range(0, len(data), piece):
        digest.update(data[start : start + piece])
    assert digest.base64() == wanted == quick_xor_hash(data)


def test_long_contents_in_uneven_pieces() -> None:
    source = random.Random(7)
    data = source.randbytes(400_000)
    digest = QuickXorHash()
    start = 0
    while start < len(data):
        piece = source.randrange(50_000)
        digest.update(data[start : start + piece])
        start += piece
    assert digest.base64() == quick_xor_hash(data)
    assert len(digest.digest()) == 20


def test_what_is_swapped_about_has_the_same_hash() -> None:
    # which is why equal ones are compared by SHA-256 as well
    one, other = QuickXorHash(), QuickXorHash()
    one.update(b"a" * 160 + b"b" * 160)
    other.update(b"b" * 160 + b"a" * 160)
    assert one.digest() == other.digest()
