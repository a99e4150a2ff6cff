"""The command line. Thin: parse, call, print; each command is a file of its own, imported when it is used."""

from __future__ import annotations

from importlib import import_module

import click

from monitor import __version__

COMMANDS = {
    "ack": "monitor.cli.handle:ack",
    "backup": "monitor.cli.backup:backup",
    "baseline": "monitor.cli.baseline:baseline",
    "cause": "monitor.cli.handle:cause",
    "check": "monitor.cli.check:check",
    "demo": "monitor.cli.demo:demo",
    "discover": "monitor.cli.discover:discover_command",
    "enrol": "monitor.cli.enrol:enrol",
    "exclude": "monitor.cli.exclude:exclude",
    "explain": "monitor.cli.explain:explain",
    "help": "monitor.cli.help_topics:help_",
    "incidents": "monitor.cli.incidents:incidents",
    "install-service": "monitor.cli.install_service:install_service",
    "maintenance": "monitor.cli.maintenance:maintenance",
    "note": "monitor.cli.handle:note",
    "probe": "monitor.cli.probe:probe",
    "rate": "monitor.cli.rate:rate",
    "reload": "monitor.cli.run:reload",
    "report": "monitor.cli.report:report",
    "resolve": "monitor.cli.handle:resolve",
    "restore": "monitor.cli.backup:restore",
    "roster": "monitor.cli.roster:roster",
    "routes": "monitor.cli.routes:routes",
    "run": "monitor.cli.run:run",
    "silence": "monitor.cli.silence:silence",
    "simulate": "monitor.cli.simulate:simulate",
    "sink": "monitor.cli.sink:sink",
    "snmp": "monitor.cli.snmp:snmp",
    "status": "monitor.cli.status:status",
    "test-notify": "monitor.cli.test_notify:test_notify",
    "verify": "monitor.cli.verify:verify",
    "watch-peer": "monitor.cli.watch_peer:watch_peer",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), name)
        return command if isinstance(command, click.Command) else None


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="camwatch")
def main() -> None:
    """Camwatch watches surveillance cameras and what carries them, and tells the right people."""
