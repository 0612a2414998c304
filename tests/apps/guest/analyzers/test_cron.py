from strongroom.apps.guest.analyzers import cron
from strongroom.apps.guest.records import CronJob
from strongroom.base.record import Finding
from strongroom.base.tree import Node
from strongroom.testing.images.guests import alpine, debian, in_memory, link, text


def _jobs(nodes: dict[str, Node]) -> list[tuple[str, str, str, str | None]]:
    records = cron.run(in_memory(nodes))
    return [(r.user, r.schedule, r.command, r.name) for r in records if isinstance(r, CronJob)]


def test_tables_directories_and_spools_of_debian_are_read():
    assert _jobs(debian()) == [
        ("root", "17 * * * *", "cd / && run-parts /etc/cron.hourly", None),
        ("root", "30 3 * * 0", "/sbin/e2scrub_all", None),
        ("ada", "@daily", "backup --all", None),
        ("root", "@daily", "/etc/cron.daily/logrotate", "logrotate"),
    ]


def test_tables_and_periods_of_busybox_are_read():
    assert _jobs(alpine()) == [
        ("root", "0 2 * * *", "run-parts /etc/periodic/daily", None),
        ("root", "@daily", "/etc/periodic/daily/clean", "clean"),
    ]


def test_the_spool_of_red_hat_and_anacron_are_read():
    nodes = {
        "/var/spool/cron/ada": text("1 2 3 4 5 x\n"),
        "/var/spool/cron/cron.deny": text("x\n"),
        "/etc/anacrontab": text("1 5 cron.daily nice x\n@monthly 9 m y\nbad\n"),
        "/etc/cron.weekly/plain": text("not executable\n"),
        "/etc/cron.d/x.dpkg-old": text("@daily root no\n"),
        "/etc/cron.d/bad": text("bad\n"),
        "/etc/cron.monthly/gone": link("/nowhere"),
    }

    assert _jobs(nodes) == [
        ("ada", "1 2 3 4 5", "x", None),
        ("root", "@every 1d", "nice x", "cron.daily"),
        ("root", "@monthly", "y", "m"),
    ]
    findings = [r for r in cron.run(in_memory(nodes)) if isinstance(r, Finding)]
    assert [(f.rule, f.at.path) for f in findings] == [
        ("problem.cron", "/etc/cron.d/bad"),
        ("problem.cron", "/etc/anacrontab"),
    ]
