"""Secret: bytes that refuse to be shown. `reveal()` is the only way out, greppable on purpose."""

from collections.abc import Iterator
from typing import NoReturn, Protocol, final


@final
class Secret:
    """A credential's bytes. Printing, formatting, pickling, comparing and hashing refuse or mask.

    Python cannot promise that a value is wiped from memory; this class promises that it does not
    leave by accident.
    """

    __slots__ = ("__value",)

    def __init__(self, value: bytes) -> None:
        self.__value = value

    def reveal(self) -> bytes:
        """Return the bytes. Callers hold the REVEAL or USE effect."""
        return self.__value

    def __repr__(self) -> str:
        return "Secret(...)"

    def __str__(self) -> NoReturn:
        raise TypeError("a Secret has no text; reveal() is explicit")

    def __format__(self, spec: str) -> NoReturn:
        raise TypeError("a Secret cannot be formatted; reveal() is explicit")

    def __bytes__(self) -> NoReturn:
        raise TypeError("a Secret has no bytes(); reveal() is explicit")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("compare what reveal() returns, in constant time")

    def __hash__(self) -> NoReturn:
        raise TypeError("a Secret cannot be hashed")

    def __iter__(self) -> NoReturn:
        raise TypeError("a Secret cannot be iterated")

    def __len__(self) -> NoReturn:
        raise TypeError("the length of a Secret is part of it")


class SecretStore(Protocol):
    """Named Secrets. `get` raises NotFound, or Locked where a key is missing."""

    def names(self) -> Iterator[str]:
        """Yield the names, sorted."""
        ...

    def get(self, name: str, /) -> Secret:
        """Return one Secret."""
        ...

    def put(self, name: str, secret: Secret, /) -> None:
        """Store or replace one Secret."""
        ...
