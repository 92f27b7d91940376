# SPDX-License-Identifier: PostgreSQL
"""Run a command on a terminal of its own and play the user.

Usage: terminal.py STEP... -- COMMAND...   where a STEP is
    see:TEXT     wait until the terminal shows TEXT
    type:TEXT    type TEXT and a return
    key:C        press the control key C (c, d, ...)
    press:C      the same, but not at a prompt for a secret
    say:TEXT     as type, likewise
    echo:on|off  the terminal's echo must be so
    run:COMMAND  a shell command beside it

What the terminal showed goes to stdout; the status is the command's, or 99
when a step failed.
"""
import fcntl
import os
import sys
import termios
import time


class Terminal:
    """The side of the screen and the keys; the other one stays open here too,
    so that its settings can be looked at when the command has ended."""

    def __init__(self, command):
        self.shown = b""
        self.seen = 0
        self.status = None
        self.fd, self.line = os.openpty()
        os.set_blocking(self.fd, False)
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.line, termios.TIOCSCTTY, 0)
            for fd in (0, 1, 2):
                os.dup2(self.line, fd)
            os.closerange(3, 64)
            os.execvp(command[0], command)

    def echo_is_on(self):
        return bool(termios.tcgetattr(self.line)[3] & termios.ECHO)

    def read(self):
        """Take what is there; False when nothing more can come."""
        ended = self.ended()
        try:
            self.shown += os.read(self.fd, 65536)
        except BlockingIOError:
            if ended:
                return False
            time.sleep(0.01)
        return True

    def ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid != 0:
                self.status = os.waitstatus_to_exitcode(status) & 255
        return self.status is not None

    def see(self, text):
        while self.shown.find(text, self.seen) < 0:
            if not self.read():
                return False
        self.seen = self.shown.find(text, self.seen) + len(text)
        return True

    def echo(self, on):
        while self.echo_is_on() != on:
            if not self.read():
                return False
        return True

    def step(self, step):
        kind, _, text = step.partition(":")
        if kind == "see":
            return self.see(text.encode())
        if kind == "echo":
            return self.echo(text == "on")
        if kind == "press":
            os.write(self.fd, bytes([ord(text) & 31]))
            return True
        if kind == "say":
            os.write(self.fd, text.encode() + b"\n")
            return True
        if kind == "run":
            return os.system(text) == 0
        # The prompt is there a moment before the echo is off.
        if not self.echo(False):
            return False
        if kind == "type":
            os.write(self.fd, text.encode() + b"\n")
        elif kind == "key":
            os.write(self.fd, bytes([ord(text) & 31]))
        else:
            raise ValueError(step)
        return True


def main():
    at = sys.argv.index("--")
    t = Terminal(sys.argv[at + 1:])
    failed = next((s for s in sys.argv[1:at] if not t.step(s)), None)
    while t.read():
        pass
    sys.stdout.buffer.write(t.shown)
    sys.stdout.flush()
    if failed is not None:
        print("\nthis step failed: " + failed)
        sys.exit(99)
    if not t.echo_is_on():
        print("\nthe echo was not restored")
        sys.exit(98)
    sys.exit(t.status)


if __name__ == "__main__":
    main()
