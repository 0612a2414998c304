"""config: every setting with its value and who set it."""

from collections.abc import Iterator
from typing import ClassVar

from strongroom.base.errors import NotFound
from strongroom.base.locator import Locator
from strongroom.base.record import Record
from strongroom.kernel.call import Context
from strongroom.kernel.op import op


class SettingRecord(Record):
    """One setting. `origin` is "default", "environment NAME", "file PATH:LINE" or "flag"."""

    type: ClassVar[str] = "config_setting"

    name: str
    value: bool | int | str
    origin: str
    doc: str


@op("config.show", since="0.1")
def show(ctx: Context, name: str = "") -> Iterator[SettingRecord]:
    """Show every setting, its value, and where that comes from.

    Args:
        name: A setting, or the beginning of one such as cache.

    Examples:
        strongroom config show
        strongroom config show cache --json
    """
    found = False
    for setting in ctx.session.config.show():
        if setting.name == name or setting.name.startswith(f"{name}." if name else ""):
            found = True
            yield SettingRecord(
                at=Locator("config"),
                name=setting.name,
                value=setting.value,
                origin=setting.origin,
                doc=setting.doc,
            )
    if not found:
        raise NotFound(
            f"there is no setting {name}", hint="list them with `strongroom config show`"
        )
