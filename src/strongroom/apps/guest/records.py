"""The Records that the guest's analyzers yield (docs/reference/records.md is made from this file).

A required text field is "" where the guest does not say; an optional one is left out. Fields are
only ever added: `docs/reference/records.json` is frozen by a test.
"""

from typing import ClassVar

from strongroom.base.record import Finding, Record


class OperatingSystem(Record):
    """The operating system that a root file system holds.

    Fields:
        id: The distribution's ID of os-release(5), lower case: "debian", "alpine", "rhel".
        version: VERSION_ID, such as "12"; "" for rolling releases.
        pretty_name: PRETTY_NAME, else name and version.
        arch: The machine as `uname -m` names it: "x86_64", "aarch64".
        hostname: The static host name, without a trailing dot.
        family: "linux".
        name: NAME, such as "Debian GNU/Linux".
        version_codename: VERSION_CODENAME, such as "bookworm".
        release: A finer release than `version` where the guest has one, such as "12.7".
        id_like: ID_LIKE, the distributions it resembles, closest first.
        variant: VARIANT_ID (else VARIANT), such as "server"; IMAGE_ID for distroless images.
        machine_id: The 32 hex digits of machine-id(5), where they are set.
        support_end: SUPPORT_END, a date.
    """

    type: ClassVar[str] = "os"

    id: str
    version: str
    pretty_name: str
    arch: str
    hostname: str
    family: str = "linux"
    name: str = ""
    version_codename: str | None = None
    release: str | None = None
    id_like: tuple[str, ...] = ()
    variant: str | None = None
    machine_id: str | None = None
    support_end: str | None = None


class Package(Record):
    """One package that the guest's own package manager knows.

    Fields:
        name: The package's name.
        version: Its whole version: dpkg's with epoch and revision, rpm's [epoch:]version-release.
        arch: Its architecture as the package manager writes it ("amd64", "all", "noarch").
        manager: "dpkg", "apk", "pacman" or "rpm".
        status: "installed", else dpkg's word for it: "config-files" for one removed but for its
            configuration, "half-installed", "unpacked", "half-configured", "triggers-awaited".
        source: What it was built from: source package, origin, pkgbase, source rpm.
        size_bytes: How much it says it takes installed.
        maintainer: Who maintains or packaged it.
        vendor: Who distributes it, where stored (rpm).
        license: Its licence, where stored.
        summary: One line on what it is.
        homepage: Its address, where stored.
        installed_at: When it was installed (RFC 3339, UTC), where stored.
        module: The module it comes from, where stored (rpm).
    """

    type: ClassVar[str] = "package"

    name: str
    version: str
    arch: str
    manager: str
    status: str = "installed"
    source: str | None = None
    size_bytes: int | None = None
    maintainer: str | None = None
    vendor: str | None = None
    license: str | None = None
    summary: str | None = None
    homepage: str | None = None
    installed_at: str | None = None
    module: str | None = None


class User(Record):
    """One account of passwd(5).

    Fields:
        name: The login name.
        uid: The numeric user id.
        gid: The numeric id of the primary group.
        home: The home directory.
        shell: The login program; "" means /bin/sh.
        gecos: The comment field.
        can_log_in: Whether the shell lets anyone in: not nologin, false, sync, halt or shutdown.
        password: "set"; "locked" (a hash behind "!"); "empty" (none is asked for); "none" (no
            password can match); "unknown" (shadow has no line or cannot be read). Never the hash.
        password_scheme: How it is hashed: "yescrypt", "sha512", "bcrypt", "md5", "des".
        password_changed: The date of the last change.
        expires: The date from which the account is disabled.
        sudo: Whether a rule of sudoers(5) or doas.conf(5) names the user or a group of theirs.
        groups: The names of all groups, the primary one first.
    """

    type: ClassVar[str] = "user"

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    gecos: str = ""
    can_log_in: bool = False
    password: str = "unknown"  # noqa: S105  a state, not a password
    password_scheme: str | None = None
    password_changed: str | None = None
    expires: str | None = None
    sudo: bool = False
    groups: tuple[str, ...] = ()


class Group(Record):
    """One group of group(5).

    Fields:
        name: The group's name.
        gid: Its numeric id.
        members: The accounts listed in it; those whose primary group it is are not among them.
        sudo: Whether a rule of sudoers(5) or doas.conf(5) names the group.
    """

    type: ClassVar[str] = "group"

    name: str
    gid: int
    members: tuple[str, ...]
    sudo: bool = False


class Service(Record):
    """One service, timer, socket or path that an init system may start.

    Fields:
        name: The unit's name with its suffix ("ssh.service"), else the script's name.
        enabled: Whether it was enabled: systemctl's "enabled", a link of a run level. What is not
            may run all the same, since others ask for it: see `state` and `wanted_by`.
        manager: "systemd", "sysv" or "openrc".
        kind: "service", "timer", "socket" or "path".
        state: "enabled", "disabled", "static" (nothing to enable, others start it), "indirect"
            (enabled through another unit), "masked", "linked", "bad": as `systemctl
            list-unit-files` says it. Aliases are no records of their own.
        unit: The path of the unit file or script; absent where only a link to it is left.
        command: The program it runs: ExecStart= or `command=`.
        user: Who it runs as, where said.
        schedule: When a timer elapses: OnCalendar=, OnBootSec= and so on, "; " between.
        activates: What a timer, socket or path starts.
        listens: Where a socket listens: ports, addresses, paths.
        wanted_by: The targets or run levels that start it.
        aliases: Other names of it.
        description: Its own one line.
    """

    type: ClassVar[str] = "service"

    name: str
    enabled: bool
    manager: str
    kind: str = "service"
    state: str = "disabled"
    unit: str | None = None
    command: str | None = None
    user: str | None = None
    schedule: str | None = None
    activates: str | None = None
    listens: tuple[str, ...] = ()
    wanted_by: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    description: str | None = None


class Interface(Record):
    """One network interface that the guest configures.

    Fields:
        name: Its name, or the pattern or MAC address that selects it.
        method: How it gets its IPv4 (else IPv6) address: "dhcp", "static", "loopback", "manual",
            "auto", "ppp", "disabled".
        addresses: Its static addresses with prefix length, IPv4 and IPv6.
        gateway: Its default gateway, IPv4 first; "" without one.
        dns: The name servers it sets.
        manager: "ifupdown", "netplan", "networkmanager", "networkd", "ifcfg" or "dhcpcd".
        method6: How it gets its IPv6 address, where said.
        mac: The hardware address it sets or is selected by, lower case.
        kind: "ethernet", "wifi", "bond", "bridge", "vlan", "loopback" ..., where said.
        search: The DNS search domains it sets.
        members: The interfaces a bond or bridge joins, or the one a vlan stands on.
        automatic: Whether it is brought up by itself.
    """

    type: ClassVar[str] = "interface"

    name: str
    method: str
    addresses: tuple[str, ...] = ()
    gateway: str = ""
    dns: tuple[str, ...] = ()
    manager: str = ""
    method6: str | None = None
    mac: str | None = None
    kind: str | None = None
    search: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    automatic: bool = True


class Mount(Record):
    """One line of fstab(5), or one mount unit of systemd.

    Fields:
        device: What is mounted, as written: a path, UUID=, LABEL=, PARTUUID=, a remote share.
        point: Where; "none" or "swap" for swap space.
        fs_type: The file system's type as written, "auto" included.
        options: The mount options.
        fsck_pass: The order in which it is checked at boot; 0 means never.
        dump: The dump(8) frequency.
        manager: "fstab" or "systemd".
    """

    type: ClassVar[str] = "mount"

    device: str
    point: str
    fs_type: str
    options: tuple[str, ...]
    fsck_pass: int = 0
    dump: int = 0
    manager: str = "fstab"


class Kernel(Record):
    """One kernel that the guest can boot.

    Fields:
        version: Its release as `uname -r` prints it; the file's own suffix where nothing says it.
        path: The image; "" where only its modules are there.
        initramfs: The initial file system that belongs to it.
        default: Whether the boot loader takes it by itself.
        cmdline: The command line that the boot loader gives it.
        root: The device it mounts as root, from that command line.
        modules: The directory of its modules.
        title: The boot menu's title for it.
    """

    type: ClassVar[str] = "kernel"

    version: str
    path: str
    initramfs: str | None = None
    default: bool = False
    cmdline: str | None = None
    root: str | None = None
    modules: str | None = None
    title: str | None = None


class Bootloader(Record):
    """One boot loader that the guest has a configuration of.

    Fields:
        name: "grub2", "grub-legacy", "systemd-boot", "extlinux", "syslinux" or "u-boot".
        config: The path of its configuration.
        timeout_ms: How long its menu waits, milliseconds; -1 for ever.
        default: What it takes by itself: a number, an id or a title, as written.
        entries: The titles of its menu, in order.
    """

    type: ClassVar[str] = "bootloader"

    name: str
    config: str
    timeout_ms: int | None = None
    default: str | None = None
    entries: tuple[str, ...] = ()


class SshKey(Record):
    """One public key: who may log in with it, or how the host proves itself.

    Fields:
        user: Whose authorized_keys holds it; "" for a host key.
        algorithm: Its type, such as "ssh-ed25519".
        fingerprint: "SHA256:" and base64, as `ssh-keygen -l` prints it.
        comment: What is written behind it.
        kind: "authorized" or "host".
        bits: Its size.
        options: What authorized_keys allows it, such as "restrict,command=...".
    """

    type: ClassVar[str] = "ssh_key"

    user: str
    algorithm: str
    fingerprint: str
    comment: str
    kind: str
    bits: int | None = None
    options: str | None = None


class CronJob(Record):
    """One command that cron runs.

    Fields:
        user: Who it runs as.
        schedule: The five time fields or a nickname such as "@daily"; "@every 7d" for anacron's
            periods in days.
        command: What is run.
        name: The job's name, where it has one (anacron, cron.daily).
    """

    type: ClassVar[str] = "cron"

    user: str
    schedule: str
    command: str
    name: str | None = None


class Setting(Record):
    """One value that configures the whole guest.

    Fields:
        area: What it belongs to: "time", "locale", "dns", "sshd".
        name: "timezone", "lang", "keymap", "nameserver"; for sshd the keyword as documented.
        value: The value as written.
        condition: When it holds, where it does not always: an sshd Match block.
    """

    type: ClassVar[str] = "setting"

    area: str
    name: str
    value: str
    condition: str | None = None


RECORDS: tuple[type[Record], ...] = (
    OperatingSystem,
    Package,
    User,
    Group,
    Service,
    Interface,
    Mount,
    Kernel,
    Bootloader,
    SshKey,
    CronJob,
    Setting,
    Finding,
)
"""Every type of Record that inspecting a guest may yield, in the order of the reference."""
