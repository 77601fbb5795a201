"""A command in a terminal of its own, where Ctrl-C is a key."""

import os
import pty
import re
import subprocess
import threading
import time

CONTROL_C = b"\x03"


class Terminal:
    """`with Terminal(argv, log) as terminal:`; what is left of the command at the end is killed."""

    def __init__(self, argv, log):
        self._argv, self._log = argv, log
        self._output, self._written = "", threading.Condition()
        self._ended = False

    def __enter__(self):
        self._master, slave = pty.openpty()
        self._process = subprocess.Popen(self._argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        # The reader ends with the last process that has the terminal open; a hang-up ends those that are left.
        self._reader.join(5)
        os.close(self._master)

    @property
    def output(self):
        return self._output

    def wait_for(self, regex, timeout):
        """Waits until the output has it; returns the match, or None where the command ends or time runs out before."""
        deadline = time.monotonic() + timeout
        with self._written:
            while not (match := re.search(regex, self._output)):
                if self._ended or not self._written.wait(max(0, deadline - time.monotonic())):
                    return re.search(regex, self._output)
        return match

    def press(self, key):
        os.write(self._master, key)

    def wait(self, timeout):
        """Waits for the end; the exit status, or None where time runs out."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def _read(self):
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # nobody has the other end any more
                data = b""
            with self._written:
                self._ended = not data
                self._output += data.decode(errors="replace")
                self._written.notify_all()
            if not data:
                return
            self._log.write(data)
