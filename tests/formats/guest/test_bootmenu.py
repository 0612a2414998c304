import pytest

from strongroom.formats.guest.bootmenu import (
    BootEntry,
    BootMenu,
    default_entry,
    parse_bls_entry,
    parse_extlinux,
    parse_grub,
    parse_grub_legacy,
    parse_grubenv,
    parse_loader_conf,
)

GRUB = """\
if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
else
   set default="0"
fi
if [ x$feature_timeout_style = xy ] ; then
  set timeout_style=menu
  set timeout=5
else
  set timeout=5
fi
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-1' {
\tinsmod ext2
\techo\t'Loading Linux 6.1.0-13-amd64 ...'
\tlinux\t/boot/vmlinuz-6.1.0-13-amd64 root=UUID=1 ro  quiet
\tinitrd\t/boot/initrd.img-6.1.0-13-amd64 /boot/extra.img
}
submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-1' {
\tmenuentry "Old" --id old {
\t\tlinux16 /boot/vmlinuz-6.1.0-9-amd64
\t\tlinux /ignored
\t}
}
menuentry UEFI {
\tfwsetup
}
"""


def test_a_grub_menu_has_its_entries_and_its_default():
    menu = parse_grub(GRUB)

    assert menu == BootMenu(
        (
            BootEntry(
                15,
                "gnulinux-simple-1",
                "Debian GNU/Linux",
                "/boot/vmlinuz-6.1.0-13-amd64",
                ("/boot/initrd.img-6.1.0-13-amd64", "/boot/extra.img"),
                "root=UUID=1 ro  quiet",
            ),
            BootEntry(22, "old", "Old", "/boot/vmlinuz-6.1.0-9-amd64", (), ""),
        ),
        "0",
        5000,
    )


def test_fedoras_grub_points_at_other_files():
    menu = parse_grub('set default="${saved_entry}"\nset timeout=-1\nblscfg\n')

    assert menu == BootMenu((), "${saved_entry}", -1, blscfg=True)


def test_a_timeout_that_is_no_number_is_not_said():
    assert parse_grub("set timeout=soon").timeout_ms is None


def test_grub_legacy_has_its_own_words():
    menu = parse_grub_legacy(
        "default=1\ntimeout 3\ncolor x\ntitle One\nroot (hd0)\n"
        "kernel (hd0,0)/boot/a root=/dev/xvda1 ro\n"
        "initrd /boot/a.img\ntitle Two\n\tkernel /boot/b\ntitle None\n"
    )

    assert menu == BootMenu(
        (
            BootEntry(4, "", "One", "/boot/a", ("/boot/a.img",), "root=/dev/xvda1 ro"),
            BootEntry(8, "", "Two", "/boot/b", (), ""),
        ),
        "1",
        3000,
    )


def test_a_boot_loader_specification_entry_joins_its_options():
    entry = parse_bls_entry(
        "# x\ntitle Fedora Linux (6.5)\nversion 6.5\nlinux /vmlinuz-6.5\ninitrd /a.img /b.img\n"
        "options root=UUID=1 ro\noptions quiet\nlonely\n",
        "id-6.5",
    )

    assert entry == BootEntry(
        1,
        "id-6.5",
        "Fedora Linux (6.5)",
        "/vmlinuz-6.5",
        ("/a.img", "/b.img"),
        "root=UUID=1 ro quiet",
    )
    assert parse_bls_entry("efi /x.efi", "x") == BootEntry(1, "x", "x", "/x.efi", (), "")


def test_loader_conf_names_the_default():
    menu = parse_loader_conf("#timeout 9\ntimeout 3\ndefault arch-*\neditor\nconsole-mode max\n")

    assert menu == BootMenu((), "arch-*", 3000)


EXTLINUX = """\
DEFAULT menu.c32
PROMPT 0
TIMEOUT 10
DEFAULT virt
LABEL virt
  MENU LABEL ^Linux virt
  LINUX vmlinuz-virt
  INITRD initramfs-virt,extra.img
  FDT x.dtb
  APPEND root=UUID=1 modules=ext4 quiet
LABEL old
  KERNEL /boot/vmlinuz
  APPEND initrd=/boot/a.img,/boot/b.img root=/dev/sda1
LABEL
LABEL memtest
  COM32 memtest
"""


def test_an_extlinux_menu_has_its_entries_and_its_default():
    ((menu,), faults) = parse_extlinux(EXTLINUX)

    assert menu == BootMenu(
        (
            BootEntry(
                5,
                "virt",
                "Linux virt",
                "vmlinuz-virt",
                ("initramfs-virt", "extra.img"),
                "root=UUID=1 modules=ext4 quiet",
            ),
            BootEntry(
                11, "old", "old", "/boot/vmlinuz", ("/boot/a.img", "/boot/b.img"), "root=/dev/sda1"
            ),
        ),
        "virt",
        1000,
    )
    assert [f.line for f in faults] == [14]


def test_the_environment_block_of_grub_is_padded_with_hashes():
    text = "# GRUB Environment Block\nsaved_entry=abc-6.5\nkernelopts=a=b c\n" + "#" * 900

    assert parse_grubenv(text) == {"saved_entry": "abc-6.5", "kernelopts": "a=b c"}


ENTRIES = tuple(BootEntry(n, f"id{n}", f"Title {n}", f"/k{n}", (), "") for n in range(3))

DEFAULTS = {
    "": 0,
    "0": 0,
    "2": 2,
    "9": 0,
    "id1": 1,
    "Title 2": 2,
    "id2.conf": 2,
    "sub>id1": 1,
    "x": 0,
}


@pytest.mark.parametrize("default", DEFAULTS)
def test_a_default_is_a_number_an_id_or_a_title(default: str):
    chosen = default_entry(BootMenu(ENTRIES, default, None), ENTRIES)

    assert chosen == ENTRIES[DEFAULTS[default]]


def test_a_menu_without_entries_has_no_default():
    assert default_entry(BootMenu((), "0", None), ()) is None
