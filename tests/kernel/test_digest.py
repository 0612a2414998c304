"""Our digests are the ones of the standard library, and do not load OpenSSL."""

import hashlib
import hmac
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from strongroom.kernel.digest import blake2b, hmac_sha256, sha256


@given(st.binary(max_size=300))
def test_digests_are_those_of_hashlib(data: bytes):
    assert sha256(data).digest() == hashlib.sha256(data).digest()
    assert blake2b(data, digest_size=16).digest() == hashlib.blake2b(data, digest_size=16).digest()


@given(st.binary(max_size=64), st.binary(max_size=300))
def test_hmac_is_that_of_the_standard_library(key: bytes, message: bytes):
    assert hmac_sha256(key, message) == hmac.digest(key, message, "sha256")


def test_openssl_is_not_loaded():
    code = "import sys, strongroom.kernel.digest; sys.exit('_hashlib' in sys.modules)"

    assert subprocess.run([sys.executable, "-I", "-c", code], check=False, env={}).returncode == 0
