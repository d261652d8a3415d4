"""The recipes of docs/operating.md, tried: systemd reads the units, a real sshd gives an agent no more than earful."""

from __future__ import annotations

import json
import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from tests.factories import read_mention
from tests.tui.command import ROOT, SECONDS, Earful

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else "")
UNITS = sorted((ROOT / "docs" / "systemd").iterdir())
GUIDE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
needs_sshd = pytest.mark.skipif(
    not (SSHD and shutil.which("ssh") and shutil.which("ssh-keygen")) or os.getuid() != 0,
    reason="no sshd here, or not allowed to start one",
)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    program = tmp_path / ".local" / "bin" / "earful"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(unit)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_guide_names_every_unit() -> None:
    assert all(unit.name in GUIDE or f"{unit.stem}.*" in GUIDE for unit in UNITS)


class Desk:
    """An account with one agent's key, as the guide writes it, and an sshd behind a pipe: no port opens."""

    def __init__(self, home: Path) -> None:
        self.earful = Earful(home)
        self.earful.seed(read_mention("acme is down for the agent", author="bob"))
        self.store = self.earful.home / ".local" / "share" / "earful" / "earful.db"
        self.store.parent.mkdir(parents=True)
        self.earful.store.rename(self.store)
        self.earful.configure('worker = "separate"\n')
        program = home / ".local" / "bin" / "earful"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m tui "$@"\n')
        program.chmod(0o755)
        for name in ("host", "agent"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / name], check=True)
        line = re.search(r"<!-- the key line -->\n```\n(.+?) ssh-ed25519 .*\n", GUIDE)
        assert line, "the guide has no key line"
        key = (home / "agent.pub").read_text()
        (home / "authorized_keys").write_text(f"{line[1].replace('/home/desk', str(home))} {key}")
        (home / "sshd_config").write_text(
            f"HostKey {home}/host\nAuthorizedKeysFile {home}/authorized_keys\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
        )
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.home = home

    def ssh(self, *options: str, command: tuple[str, ...] = ()) -> list[str]:
        server = f"{SSHD} -i -f {self.home}/sshd_config -E {self.home}/sshd.log"
        fixed = ("-F", "none", "-i", f"{self.home}/agent", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes")
        trust = ("-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.home}/known")
        who = pwd.getpwuid(os.getuid()).pw_name
        return ["ssh", *fixed, *trust, "-o", f"ProxyCommand={server}", *options, f"{who}@desk", *command]

    def run(self, *options: str, command: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.ssh(*options, command=command),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
        )

    @property
    def said(self) -> str:
        return (self.home / "sshd.log").read_text()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@needs_sshd
def test_an_agent_gets_the_inbox_under_a_name_and_leaves_it(desk: Desk) -> None:
    screen = pexpect.spawn(shlex.join(desk.ssh("-tt")), dimensions=(24, 80), timeout=SECONDS, encoding="utf-8")
    screen.expect("acme is down")
    for stroke in ("\x1a", "\x1c", "\x1d", "!id\r", "|id\r", "\x1b"):  # to stop it, to end it, to get a shell
        screen.send(stroke)
    assert screen.isalive()
    screen.send("\x11")  # Ctrl+Q
    screen.expect(pexpect.EOF)
    assert "uid=" not in screen.before
    screen.close()
    assert screen.exitstatus == 0
    log = desk.home / ".local" / "state" / "earful" / "earful.log"
    start = next(json.loads(line) for line in log.read_text().splitlines() if '"start"' in line)
    assert (start["program"], start["agent"]) == ("inbox", "ana")


@needs_sshd
@pytest.mark.parametrize("command", [("id",), ("sh", "-c", "'id'"), ("cat", "/etc/passwd")])
def test_whatever_is_asked_for_it_is_earful_that_runs(desk: Desk, command: tuple[str, ...]) -> None:
    done = desk.run(command=command)
    assert "acme is down" in done.stdout, done.stderr + desk.said
    assert "uid=" not in done.stdout
    assert "root:" not in done.stdout


@needs_sshd
def test_no_way_leads_past_it(desk: Desk) -> None:
    """No forwarded port, no files, no environment of the client's."""
    forwarded = desk.run("-W", "127.0.0.1:22")
    assert forwarded.returncode != 0
    assert "prohibited" in forwarded.stderr + desk.said
    asked = desk.run("-s", command=("sftp",))
    assert "acme is down" in asked.stdout or asked.returncode != 0
    evil = desk.run("-o", "SetEnv=EARFUL_CONFIG=/etc/passwd LC_ALL=C", command=("true",))
    assert "acme is down" in evil.stdout, evil.stderr
