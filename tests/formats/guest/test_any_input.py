"""Whatever a file holds, its parser returns: no exception, and time in proportion to its size."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.formats.guest.parsers import BINARY, TEXT

# Words and marks that these formats are made of, so that chance gets past their first branch.
MARKS = [
    *"\n\t :=,#\\\"'[]{}%!@-;*>&|()~/.",
    "\r\n", "\n\n", "${", "root", "x", "0", "ALL", "include", "User_Alias ", "Defaults", "iface ",
    "auto ", "source ", "network:", "ethernets:", "  ", "menuentry ", "linux ", "initrd ", "LABEL ",
    "APPEND ", "title ", "kernel ", "set default=", "set timeout=", "ssh-rsa ", "AAAA", "Match ",
    "[Unit]", "[Install]", "WantedBy=", "Package: ", "Version: ", "P:", "V:", "F:", "%NAME%",
    "permit ", "nopass ", "setenv {", "@daily ", "* ", "$6$", "\x00", "\x7fELF", "TZif2", "é", "--",
]  # fmt: skip
SOUP = st.lists(st.sampled_from(MARKS), max_size=60).map("".join)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("name", TEXT)
def test_any_text_is_parsed(name: str):
    @given(st.one_of(SOUP, st.binary().map(_text), st.text()))
    def check(text: str) -> None:
        TEXT[name](text)

    check()


@pytest.mark.parametrize("name", BINARY)
def test_any_bytes_are_parsed(name: str):
    @given(st.one_of(SOUP.map(str.encode), st.binary()))
    def check(content: bytes) -> None:
        BINARY[name](content)

    check()


# Each repeats what makes a careless scan start again and again.
NASTY = [
    "\n", "a\n", "a:", '"', "'", '\\"', '"\\', "\\\n", "[", "[\n", "{a: ", "- ", "a: 'b\n", ' "',
    ",",
    "!", "User_Alias A=", "a=", "a='", "--id '", "menuentry '", "initrd ", "setenv {", "nopass ",
    "P:a\n\n", "Package: a\n\n", "a:x:1:1:::\n", "%a%\n", "@", "ssh-rsa A", "* ", "\\040", "#", "(",
]  # fmt: skip


@pytest.mark.parametrize("name", [*TEXT, *BINARY])
def test_time_is_in_proportion_to_size(name: str):
    for nasty in NASTY:
        small, large = 4_000 // len(nasty), 32_000 // len(nasty)
        # 8 times the size; a quadratic scan takes 64 times the time. The floor absorbs noise.
        spent = min(_spend(name, nasty * small) for _ in range(2))
        assert _spend(name, nasty * large) < max(24 * spent, 0.5), nasty


def _spend(name: str, text: str) -> float:
    started = time.thread_time()
    if name in TEXT:
        TEXT[name](text)
    else:
        BINARY[name](text.encode())
    return time.thread_time() - started
