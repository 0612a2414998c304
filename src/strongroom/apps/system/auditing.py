"""audit: who did what, asked, checked and handed over (docs/spec/audit.md)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from strongroom.base.errors import Usage
from strongroom.base.locator import Locator
from strongroom.base.record import Finding, Record, Severity
from strongroom.kernel.audit_export import export as export_lines
from strongroom.kernel.audit_format import Anchor
from strongroom.kernel.audit_query import Filter
from strongroom.kernel.audit_query import query as find_entries
from strongroom.kernel.audit_query import tail as last_entries
from strongroom.kernel.audit_verify import verify as find_problems
from strongroom.kernel.call import Context
from strongroom.kernel.op import op
from strongroom.kernel.store import boot_id

ENTRIES = Locator("audit")
"""Where audit entries are said to be: the log of this state folder."""
_TIME = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d(\.\d{1,3})?Z?)?)?)?)?)?", re.ASCII)
_HEAD = re.compile(r"([0-9a-f]+)/(\d{1,18})/([0-9a-f]+)", re.ASCII)


class AuditEntry(Record):
    """One entry of the log. `by` and `resource` are absent where they were erased.

    `event` is "intent", "outcome", "fold" (several reads in one entry, numbers in `counts`),
    "checkpoint", "recovered" or "erased"; `call` and `parent` number the calls of one `run`.
    """

    type: ClassVar[str] = "audit"

    seq: int
    time: str
    event: str
    op: str | None = None
    effects: tuple[str, ...] = ()
    by: str | None = None
    resource: str | None = None
    outcome: str | None = None
    run: str | None = None
    call: int | None = None
    parent: int | str | None = None
    counts: Mapping[str, int] | None = None


class AuditVerified(Record):
    """What verifying found; `ok` false makes the exit status 1.

    `head` names the last entry as CHAIN/SEQ/HASH. Kept elsewhere, it proves later that no older
    copy of the log was put back.
    """

    type: ClassVar[str] = "audit_verified"

    ok: bool
    problems: int
    head: str | None = None


@op("audit.tail", since="0.1")
def tail(ctx: Context, *, lines: int = 20) -> Iterator[AuditEntry]:
    """Show the last entries of the audit log.

    Args:
        lines: How many.

    Examples:
        strongroom audit tail
        strongroom audit tail --lines 100 --json
    """
    if lines < 0:
        raise Usage("--lines takes no negative number")
    for entry in last_entries(ctx.session.home.state_dir, lines, boot_id=boot_id()):
        yield _entry(entry)


@op("audit.query", since="0.1")
def query(
    ctx: Context,
    *,
    op: str = "",
    by: str = "",
    resource: str = "",
    run: str = "",
    outcome: str = "",
    event: str = "",
    since: str = "",
    until: str = "",
    limit: int = 0,
    newest: bool = False,
) -> Iterator[AuditEntry]:
    """Find entries of the audit log, oldest first.

    Args:
        op: The operation; `*` stands for any text.
        by: Who called.
        resource: On what; `*` stands for any text.
        run: The run, which all calls of one command share.
        outcome: How it ended, such as ok or denied.grant.
        event: The kind of entry, such as intent.
        since: From this time on: RFC 3339 or its beginning, such as 2026-11-22.
        until: Before this time.
        limit: Stop after this many entries; 0 is no limit.
        newest: Newest first.

    Examples:
        strongroom audit query --op 'guest.*' --since 2026-11-22
        strongroom audit query --resource '*shadow*' --json
    """
    if limit < 0:
        raise Usage("--limit takes no negative number")
    _check_time("--since", since)
    _check_time("--until", until)
    wanted = Filter(op, run, by, resource, event, outcome, since, until, limit, newest)
    for entry in find_entries(ctx.session.home.state_dir, wanted, boot_id=boot_id()):
        yield _entry(entry)


@op("audit.verify", since="0.1")
def verify(ctx: Context, *, head: str = "") -> Iterator[Finding | AuditVerified]:
    """Check that no entry of the audit log was changed, removed, moved or put back.

    Args:
        head: An entry noted earlier, as CHAIN/SEQ/HASH, that must still be there.

    Examples:
        strongroom audit verify
        strongroom audit verify --head "$(cat head-noted-last-week)"
    """
    state = ctx.session.home.state_dir
    serious = total = 0
    for problem in find_problems(state, boot_id=boot_id(), expect_head=_anchor(head)):
        total += 1
        serious += problem.severity >= Severity.ERROR
        yield Finding(
            at=ENTRIES.child(problem.segment) if problem.segment else ENTRIES,
            line=problem.line or None,
            rule=f"audit.{problem.rule}",
            severity=problem.severity,
            message=problem.message,
        )
    last = ctx.session.audit.log.head()
    yield AuditVerified(
        at=ENTRIES,
        ok=not serious,
        problems=total,
        head=None if last is None else f"{last.chain}/{last.seq}/{last.hash}",
    )


@op("audit.export", since="0.1", essential=True)
def export(ctx: Context, *, format: Literal["json", "csv"] = "json") -> Iterator[bytes]:
    """Write the audit log out, closed by a signed statement of where it ends.

    Args:
        format: Lines of JSON as they are in the log, or CSV for reading.

    Examples:
        strongroom audit export > audit.jsonl
        strongroom audit export --format csv > audit.csv
    """
    state = ctx.session.home.state_dir
    yield from export_lines(state, format, boot_id=boot_id(), now=ctx.now)


def _entry(entry: Mapping[str, Any]) -> AuditEntry:
    def text(name: str) -> str | None:
        value = entry.get(name)
        return value if isinstance(value, str) and value else None

    return AuditEntry(
        at=ENTRIES.child(str(entry["seq"])),
        seq=entry["seq"],
        time=entry["time"],
        event=entry["event"],
        op=text("op"),
        effects=tuple(entry.get("effects", ())),
        by=text("by"),
        resource=text("resource"),
        outcome=text("outcome"),
        run=text("run"),
        call=entry.get("call"),
        parent=entry.get("parent"),
        counts=entry.get("counts"),
    )


def _check_time(flag: str, text: str) -> None:
    """Refuse what is no beginning of RFC 3339 in UTC: times are compared as text."""
    if text and not _TIME.fullmatch(text):
        raise Usage(f"{flag} {text!r} is no time", hint="write 2026-11-22 or 2026-11-22T08:41:03Z")


def _anchor(text: str) -> Anchor | None:
    if not text:
        return None
    match = _HEAD.fullmatch(text.strip())
    if match is None:
        raise Usage(f"{text!r} is no head", hint="`audit verify` prints one: CHAIN/SEQ/HASH")
    return Anchor(match[1], int(match[2]), match[3])
