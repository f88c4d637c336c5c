"""``maskel doctor``: what is missing on this machine, and how to get it."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check this machine. Exit status 1 if something essential is missing."""
    from maskel_core.cli.checks import all_findings

    findings = all_findings()
    if as_json:
        typer.echo(json.dumps({"findings": [finding.as_dict() for finding in findings]}, indent=2))
    else:
        colours = {"ok": "green", "note": "yellow", "missing": "red"}
        for finding in findings:
            mark = typer.style(f"{finding.level:8}", fg=colours[finding.level])
            typer.echo(f"{mark}{finding.name}: {finding.message}")
            if finding.fix:
                typer.echo(f"{'':8}-> {finding.fix}")
    if any(finding.level == "missing" for finding in findings):
        raise typer.Exit(1)
