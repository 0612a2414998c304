"""What machine a program is for: the ELF header (System V ABI, "ELF Header")."""

from struct import Struct

_MACHINES = {
    (1, 3): "i686",
    (1, 8): "mips",
    (2, 8): "mips64",
    (1, 20): "ppc",
    (2, 21): "ppc64",
    (2, 22): "s390x",
    (1, 40): "armv7l",
    (2, 43): "sparc64",
    (1, 62): "x86_64",
    (2, 62): "x86_64",
    (2, 183): "aarch64",
    (1, 243): "riscv32",
    (2, 243): "riscv64",
    (2, 258): "loongarch64",
}
"""(EI_CLASS, e_machine) to the word that uname(1) uses on that machine."""

HEADER_BYTES = 20
"""How much of a file says its machine."""

_LITTLE = 1


def machine(head: bytes) -> str | None:
    """Return the machine as `uname -m` names it, from a file's first bytes; None for no ELF."""
    if len(head) < HEADER_BYTES or not head.startswith(b"\x7fELF"):
        return None
    wide, order = head[4], head[5]
    number = Struct("<H" if order == _LITTLE else ">H").unpack_from(head, 18)[0]
    name = _MACHINES.get((wide, number))
    if order == _LITTLE:
        return {"ppc64": "ppc64le", "mips": "mipsel", "mips64": "mips64el"}.get(name or "", name)
    return name
