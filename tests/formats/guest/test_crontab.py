import pytest

from strongroom.formats.guest.crontab import (
    AnacronEntry,
    CronEntry,
    parse_anacrontab,
    parse_crontab,
)

SYSTEM = {
    "17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly": (
        "17 * * * *",
        "root",
        "cd / && run-parts --report /etc/cron.hourly",
    ),
    "*/5 0-6,20 1 jan MON-fri ada date +%s": ("*/5 0-6,20 1 jan MON-fri", "ada", "date +%s"),
    "-*/15 * * * * root /usr/bin/quiet": ("*/15 * * * *", "root", "/usr/bin/quiet"),
    "@reboot root /sbin/once  --now": ("@reboot", "root", "/sbin/once  --now"),
}


@pytest.mark.parametrize("line", SYSTEM)
def test_a_job_of_the_system_has_a_user(line: str):
    assert parse_crontab(f"{line}\n", system=True) == ((CronEntry(1, *SYSTEM[line]),), ())


USERS = {
    "0 2 * * * tar c / | gzip": ("0 2 * * *", "", "tar c / | gzip"),
    "@daily root": ("@daily", "", "root"),
}


@pytest.mark.parametrize("line", USERS)
def test_a_job_of_a_user_has_none(line: str):
    assert parse_crontab(line, system=False) == ((CronEntry(1, *USERS[line]),), ())


@pytest.mark.parametrize(
    "line", ["", "# m h dom", "SHELL=/bin/sh", 'MAILTO = "a b"', "  PATH=/bin"]
)
def test_what_is_no_job_is_passed_over(line: str):
    assert parse_crontab(line, system=True) == ((), ())


@pytest.mark.parametrize("line", ["* * * *", "* * * * * root", "@often root x", "a! * * * * r x"])
def test_a_malformed_job_is_a_fault(line: str):
    parsed = parse_crontab(f"{line}\n@daily root ok\n", system=True)

    assert [f.line for f in parsed.faults] == [1]
    assert [e.command for e in parsed.entries] == ["ok"]


def test_anacron_jobs_have_a_period_and_a_name():
    parsed = parse_anacrontab(
        "START_HOURS_RANGE=3-22\n# x\n1\t5\tcron.daily\tnice run-parts /e\nbad\n"
    )

    assert parsed.entries == (AnacronEntry(3, "1", "5", "cron.daily", "nice run-parts /e"),)
    assert [f.line for f in parsed.faults] == [4]
    (monthly,) = parse_anacrontab("@monthly 45 m cmd").entries
    assert monthly.period == "@monthly"
