"""Runs one program for as long as the process that asked for it lives.

    python -I -S _guard.py FOLDER PROGRAM [ARGUMENT...]

A file of its own, run by its path, so that it starts without the package.
Writes the program's process id to FOLDER/pid. When its standard input ends, or
the process that started it is gone, it sends SIGTERM, after GRACE seconds
SIGKILL, and exits as the program did. An idle guard looks twice a second.
"""

import os
import select
import signal
import subprocess
import sys

GRACE = 15.0


def main() -> int:
    folder, command = sys.argv[1], sys.argv[2:]
    parent = os.getppid()
    # What a terminal sends to all its processes is for the parent to judge.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    program = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=True
    )
    draft = os.path.join(folder, "pid.new")
    with open(draft, "w") as file:
        file.write(str(program.pid))
    os.replace(draft, os.path.join(folder, "pid"))
    while program.poll() is None and os.getppid() == parent:
        ready, _, _ = select.select([0], [], [], 0.5)
        if ready and not os.read(0, 1):
            break
    if program.poll() is None:
        program.send_signal(signal.SIGTERM)
    try:
        status = program.wait(GRACE)
    except subprocess.TimeoutExpired:
        program.kill()
        status = program.wait()
    # As shells have it, where a signal ended the program.
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
