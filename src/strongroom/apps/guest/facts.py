"""Single facts of a machine: what one analyzer of `inspect` learns, as a command of its own."""

from collections.abc import Iterator

from strongroom.base.locator import Locator
from strongroom.base.record import Finding
from strongroom.kernel.call import Context
from strongroom.kernel.op import op

from .inspect import learn
from .records import Group, Interface, Package, Service, Setting, User


@op("guest.packages", since="0.1", aliases=("pkg",))
def packages(
    ctx: Context, disks: tuple[Locator, ...], *, name: str | None = None
) -> Iterator[Package | Finding]:
    """List the packages that the guest's own package manager knows.

    Args:
        disks: The disks of one machine.
        name: Show packages of that name only; `*` stands for any text.

    Examples:
        guestkit packages disk.qcow2
        guestkit packages disk.qcow2 --name 'libssl*' --json
    """
    from fnmatch import fnmatchcase

    for record in learn(ctx, disks, "packages"):
        if isinstance(record, Package):
            if name is None or fnmatchcase(record.name, name):
                yield record
        elif isinstance(record, Finding):
            yield record


@op("guest.users", since="0.1")
def users(
    ctx: Context, disks: tuple[Locator, ...], *, people: bool = False
) -> Iterator[User | Group | Finding]:
    """List the accounts and groups, who can log in, and who may use sudo.

    Args:
        disks: The disks of one machine.
        people: Show accounts that can log in only.

    Examples:
        guestkit users disk.qcow2 --people
    """
    for record in learn(ctx, disks, "users"):
        if isinstance(record, User | Finding) or (isinstance(record, Group) and not people):
            if people and isinstance(record, User) and not record.can_log_in:
                continue
            yield record


@op("guest.services", since="0.1")
def services(
    ctx: Context, disks: tuple[Locator, ...], *, enabled: bool = False
) -> Iterator[Service | Finding]:
    """List services, timers and sockets, and which of them start by themselves.

    Args:
        disks: The disks of one machine.
        enabled: Show those that are enabled only.

    Examples:
        guestkit services disk.qcow2 --enabled
    """
    for record in learn(ctx, disks, "services"):
        if isinstance(record, Finding) or (
            isinstance(record, Service) and (record.enabled or not enabled)
        ):
            yield record


@op("guest.network", since="0.1", aliases=("net",))
def network(ctx: Context, disks: tuple[Locator, ...]) -> Iterator[Interface | Setting | Finding]:
    """List the configured network interfaces and name servers.

    Args:
        disks: The disks of one machine.

    Examples:
        guestkit network disk.qcow2
    """
    for record in learn(ctx, disks, "network"):
        if isinstance(record, Interface | Setting | Finding):
            yield record
