from strongroom.formats.guest.lines import Fault
from strongroom.formats.guest.pacman import PacmanPackage, parse_desc

DESC = """\
%NAME%
linux

%VERSION%
6.6.7.arch1-1

%BASE%
linux

%DESC%
The Linux kernel and modules

%ARCH%
x86_64

%INSTALLDATE%
1702653033

%PACKAGER%
Jan <jan@example.org>

%SIZE%
139456512

%LICENSE%
GPL2
MIT

%DEPENDS%
coreutils
kmod
"""


def test_a_desc_file_gives_its_package():
    package = parse_desc(DESC)

    assert isinstance(package, PacmanPackage)
    assert (package.name, package.version, package.arch) == ("linux", "6.6.7.arch1-1", "x86_64")
    assert (package.size, package.installed_s, package.licence) == (139456512, 1702653033, "GPL2")


def test_a_desc_file_without_a_name_is_a_fault():
    assert isinstance(parse_desc("%VERSION%\n1\n"), Fault)
    assert isinstance(parse_desc(""), Fault)
