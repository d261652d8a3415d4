"""The page that explains the command line, drawn from the table of commands."""

from __future__ import annotations

from tui.cli.call import DONE, Call
from tui.cli.commands import COMMANDS

HEAD = """\
earful: an inbox for everything people say about a brand, insights built in

  earful                          open the inbox; it polls and sends while it is
                                  open. Without a terminal: print it
"""
TAIL = """
Options, before or after the command
  --config FILE                   the configuration (default: EARFUL_CONFIG, or
                                  earful.toml in your configuration folder)
  --database FILE                 the store (default: as configured, then
                                  earful.db in your data folder)
  --json                          JSON Lines instead of lines for people
  --quiet                         no narration on standard error
  --as AGENT                      who does it, or whose screen it is (default:
                                  your login name)
  -h, --help                      also after a command: earful reply --help
  --version

Begin with
  earful demo                     look around; nothing leaves the machine
  earful follow "Acme Cloud"      listen for a name, no account needed

Standard output is data, standard error is narration.
Exit codes: 0 done, 1 failed, 2 wrong use, bad input, 3 nothing to do, not found
"""


def overview() -> str:
    lines, group = [HEAD.rstrip("\n")], ""
    for command in COMMANDS.values():
        if command.group != group:
            group = command.group
            lines += ["", group]
        call = f"{command.name} {command.shape}".strip()
        lines.append(f"  {call:<31} {command.summary}")
    return "\n".join(lines) + "\n" + TAIL


def help_page(call: Call) -> int:
    topic = call.args.topic
    if topic is None:
        call.out.text(overview().rstrip("\n"))
        return DONE
    from tui.cli import parser_of

    call.out.text(parser_of(topic).format_help().rstrip("\n"))
    return DONE
