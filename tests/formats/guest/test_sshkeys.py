import subprocess
from pathlib import Path

import pytest

from strongroom.formats.guest.sshkeys import KEY_TYPES, parse_public_keys
from strongroom.testing.tools import need

KINDS = [
    ("ed25519", ()),
    ("rsa", ("-b", "1024")),
    ("rsa", ("-b", "3072")),
    ("ecdsa", ("-b", "384")),
]


@pytest.fixture(scope="module")
def public_keys(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    need("ssh-keygen")
    folder = tmp_path_factory.mktemp("keys")
    found = []
    for number, (kind, options) in enumerate(KINDS):
        path = folder / f"key{number}"
        command = ["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-C", f"key {number}"]
        subprocess.run([*command, "-f", str(path)], check=True)
        found.append(path.with_suffix(".pub"))
    return found


def test_fingerprints_and_sizes_are_those_of_ssh_keygen(public_keys: list[Path]):
    for path in public_keys:
        done = subprocess.run(
            ["ssh-keygen", "-l", "-f", str(path)], capture_output=True, text=True, check=True
        )
        ((key,), faults) = parse_public_keys(path.read_text(encoding="utf-8"))

        bits, fingerprint, rest = done.stdout.strip().split(" ", 2)
        assert faults == ()
        assert (str(key.bits), key.fingerprint) == (bits, fingerprint)
        assert key.comment == rest.rpartition(" ")[0]


def test_options_stand_before_the_key(public_keys: list[Path]):
    key = public_keys[0].read_text(encoding="utf-8")
    options = r'restrict,command="echo \"a b\" c",from="*.example.org"'
    parsed = parse_public_keys(f"# mine\n\n{options} {key}{key}")

    assert [(k.line, k.options) for k in parsed.entries] == [(3, options), (4, "")]


def test_a_damaged_key_is_a_fault(public_keys: list[Path]):
    algorithm, base64, _ = public_keys[0].read_text(encoding="utf-8").split(" ", 2)
    bad = [
        algorithm,
        f"{algorithm} {base64[:-3]}",
        f"ssh-rsa {base64}",
        f"{algorithm} !!!!",
        f"{algorithm} {'A' * 100_000}",
        f"{algorithm} AAAA",
        f"{algorithm} é",
        "nonsense here",
        'open="quote',
    ]

    parsed = parse_public_keys("\n".join(bad))

    assert parsed.entries == ()
    assert [fault.line for fault in parsed.faults] == list(range(1, len(bad) + 1))


SIZES = {
    "ssh-rsa AAAAB3NzaC1yc2E=": None,
    "ssh-dss AAAAB3NzaC1kc3M=": None,
    "ssh-dss AAAAB3NzaC1kc3MAAAABgA==": 8,
    "ssh-ed448 AAAACXNzaC1lZDQ0OA==": None,
}


@pytest.mark.parametrize("line", SIZES)
def test_a_size_that_is_not_there_is_none(line: str):
    ((key,), _) = parse_public_keys(line)

    assert key.bits == SIZES[line]


def test_a_certificate_has_a_fingerprint_but_no_size():
    name = "ssh-ed25519-cert-v01@openssh.com"
    assert name in KEY_TYPES

    import base64
    import struct

    blob = base64.b64encode(struct.pack(">I", len(name)) + name.encode()).decode()
    ((key,), _) = parse_public_keys(f"{name} {blob} c")

    assert key.bits is None
    assert key.fingerprint.startswith("SHA256:")
