import pytest

from strongroom.apps.guest.analyzers import kernels
from strongroom.apps.guest.records import Bootloader, Kernel
from strongroom.base.record import Finding
from strongroom.base.tree import Node
from strongroom.testing.images.guests import GUESTS, in_memory, kernel, link, text

LOADERS = {
    "debian": ("grub2", 5000, "0", ("Debian GNU/Linux",)),
    "alpine": ("extlinux", 1000, "virt", ("Linux virt",)),
    "fedora": (
        "grub2",
        1000,
        "0123456789abcdef0123456789abcdef-6.8.5-301.fc40.x86_64",
        ("Fedora Linux (6.8.5-301.fc40.x86_64)",),
    ),
    "arch": ("systemd-boot", 3000, "arch.conf", ("Arch Linux",)),
}
KERNELS = {
    "debian": ("6.1.0-26-amd64", "/boot/initrd.img-6.1.0-26-amd64", "UUID=1234"),
    "alpine": ("6.6.56-0-virt", "/boot/initramfs-virt", "UUID=1"),
    "fedora": ("6.8.5-301.fc40.x86_64", "/boot/initramfs-6.8.5-301.fc40.x86_64.img", "UUID=9"),
    "arch": ("6.11.5-arch1-1", "/boot/initramfs-linux.img", "PARTUUID=7"),
}


def _run(nodes: dict[str, Node]) -> tuple[list[Kernel], list[Bootloader]]:
    records = list(kernels.run(in_memory(nodes)))
    return (
        [r for r in records if isinstance(r, Kernel)],
        [r for r in records if isinstance(r, Bootloader)],
    )


@pytest.mark.parametrize("name", GUESTS)
def test_boot_loaders_and_their_kernels_are_told(name: str):
    found, (loader,) = _run(GUESTS[name]())

    assert (loader.name, loader.timeout_ms, loader.default, loader.entries) == LOADERS[name]
    first = found[0]
    assert (first.version, first.initramfs, first.root) == KERNELS[name]
    assert first.default
    assert first.modules is not None
    assert first.modules.endswith(first.version)


def test_modules_without_an_image_are_a_kernel_without_a_path():
    found, _ = _run(GUESTS["debian"]())

    assert [(k.version, k.path, k.default) for k in found] == [
        ("6.1.0-26-amd64", "/boot/vmlinuz-6.1.0-26-amd64", True),
        ("6.1.0-20-amd64", "", False),
    ]


def _modules(*versions: str) -> dict[str, Node]:
    return {f"/lib/modules/{version}/modules.dep": text("") for version in versions}


VERSIONS: dict[str, tuple[str, dict[str, Node]]] = {
    "by its name": ("5.10-a", {"/boot/vmlinuz-5.10-a": text("x"), **_modules("5.10-a", "6")}),
    "by its header": ("6.9-b", {"/boot/vmlinuz-lts": kernel("6.9-b"), **_modules("6.9-b", "6")}),
    "by its flavour": ("6.6-0-lts", {"/boot/vmlinuz-lts": text("x"), **_modules("6.6-0-lts", "6")}),
    "by the only modules": ("6.6", {"/boot/vmlinuz": text("x"), **_modules("6.6")}),
    "by the name alone": ("5.4.0", {"/boot/vmlinuz-5.4.0": text("x")}),
    "by nothing": ("", {"/boot/vmlinuz": text("x")}),
    "beside its modules": (
        "6.7",
        {"/lib/modules/6.7/vmlinuz": text("x"), **_modules("6.7", "6.8")},
    ),
}


@pytest.mark.parametrize("case", VERSIONS)
def test_a_kernel_says_its_version(case: str):
    version, nodes = VERSIONS[case]

    assert _run(nodes)[0][0].version == version


def test_an_image_kept_with_its_modules_goes_by_its_name_in_boot():
    image = "/usr/lib/modules/6.4-1-default/vmlinuz"
    found, _ = _run(
        {
            image: text("x"),
            **_modules("6.4-1-default", "6.5"),
            "/usr/lib/modules/6.4-1-default/modules.dep": text(""),
            "/boot/vmlinuz": link("vmlinuz-6.4-1-default"),
            "/boot/vmlinuz-6.4-1-default": link(f"..{image}"),
            "/boot/initrd-6.4-1-default": text("x"),
            "/boot/grub2/grub.cfg": text(
                "menuentry 'openSUSE' {\n linux /boot/vmlinuz-6.4-1-default root=UUID=3\n}\n"
            ),
        }
    )

    assert (found[0].path, found[0].version, found[0].default, found[0].root) == (
        "/boot/vmlinuz-6.4-1-default", "6.4-1-default", True, "UUID=3",
    )  # fmt: skip
    assert found[0].initramfs == "/boot/initrd-6.4-1-default"


def test_links_and_leftovers_are_no_kernels_of_their_own():
    found, loaders = _run(
        {
            "/boot/vmlinuz": link("vmlinuz-6.1"),
            "/boot/vmlinuz-6.1": text("x"),
            "/boot/vmlinuz-6.1.old": text("x"),
            "/boot/vmlinuz-lost": link("nowhere"),
            "/boot/config-6.1": text("x"),
        }
    )

    assert [k.path for k in found] == ["/boot/vmlinuz-6.1"]
    assert (found[0].default, found[0].cmdline, found[0].initramfs) == (False, None, None)
    assert loaders == []


def test_a_saved_default_comes_from_the_environment_of_grub():
    entries = "".join(
        f"menuentry 'T{n}' --id i{n} {{\n linux /vmlinuz-{n} n={n}\n}}\n" for n in (1, 2)
    )
    nodes = {
        "/boot/grub/grub.cfg": text('set default="${saved_entry}"\n' + entries),
        "/boot/vmlinuz-1": text("x"),
        "/boot/vmlinuz-2": text("x"),
    }

    saved, _ = _run({**nodes, "/boot/grub/grubenv": text("saved_entry=T2\n")})
    unsaved, (loader,) = _run(nodes)

    assert [(k.default, k.cmdline) for k in saved] == [(False, "n=1"), (True, "n=2")]
    assert [k.default for k in unsaved] == [True, False]
    assert loader.default == "T1"


def test_grub_legacy_and_faults_of_extlinux_are_read():
    nodes = {
        "/boot/grub/menu.lst": text(
            "default 0\ntitle One\nkernel (hd0)/vmlinuz-1 root=/dev/xvda\n"
        ),
        "/boot/syslinux/syslinux.cfg": text("LABEL\nLABEL a\nKERNEL /vmlinuz-1\n"),
        "/boot/vmlinuz-1": text("x"),
    }
    records = list(kernels.run(in_memory(nodes)))

    assert [r.name for r in records if isinstance(r, Bootloader)] == ["grub-legacy", "syslinux"]
    assert [(r.title, r.root) for r in records if isinstance(r, Kernel)] == [("One", "/dev/xvda")]
    assert [(r.rule, r.line) for r in records if isinstance(r, Finding)] == [
        ("problem.syslinux", 1)
    ]
