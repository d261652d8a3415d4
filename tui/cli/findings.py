"""What `earful check` and `earful doctor` find: ok, a warning or a failure, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from tui.cli.call import DONE, FAILED
from tui.output import Cell, Output

OK, WARN, FAIL = "ok", "warn", "fail"
COLOURS = {OK: "green", WARN: "yellow", FAIL: "bold red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """`what` was looked at; `line` of the configuration, where it has one; `fix` where there is something to do."""

    level: str
    what: str
    message: str
    fix: str = ""
    line: int | None = None


def report(findings: Iterable[Finding], out: Output) -> int:
    """Print them as they come. The exit code: 1 where anything failed."""
    code = DONE
    for finding in findings:
        if out.json:
            out.record(asdict(finding))
        else:
            words = f"{finding.message}{f'; {finding.fix}' if finding.fix else ''}"
            out.row(Cell(finding.level, 4, COLOURS[finding.level]), Cell(finding.what, 22, "bold"), words)
        if finding.level == FAIL:
            code = FAILED
    return code
