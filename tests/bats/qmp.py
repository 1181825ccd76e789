# SPDX-License-Identifier: GPL-2.0-only
"""qmp.py SOCKET: has the QEMU behind it do what standard input says, a JSON command a line; "wait STATE" waits until its migration is in that state, or
has failed. Prints an answer a line. A QEMU that ends meanwhile ends it, too, with status 0 if that was asked for ("gone")."""
import json
import socket
import sys
import time


def connect(path):
    for _ in range(1200):
        try:
            to = socket.socket(socket.AF_UNIX)
            to.connect(path)
            return to
        except OSError:
            to.close()
            time.sleep(0.1)
    sys.exit(f"nobody at {path}")


def ask(qemu, command):
    qemu.write(json.dumps(command) + "\n")
    qemu.flush()
    for line in qemu:
        answer = json.loads(line)
        if "event" not in answer:
            return answer
    raise EOFError


def state(qemu):
    return ask(qemu, {"execute": "query-migrate"}).get("return", {})


def wait(qemu, wanted):
    for _ in range(3000):
        now = state(qemu)
        if now.get("status") in (wanted, "failed"):
            return now
        time.sleep(0.1)
    return now


def main():
    qemu = connect(sys.argv[1]).makefile("rw")
    qemu.readline()
    gone = False
    try:
        ask(qemu, {"execute": "qmp_capabilities"})
        for line in sys.stdin:
            words = line.split()
            gone |= words[0] == "gone"
            if words[0] == "wait":
                print(json.dumps(wait(qemu, words[1])))
            elif words[0] != "gone":
                print(json.dumps(ask(qemu, json.loads(line))))
    except (EOFError, OSError):
        sys.exit(0 if gone else 1)


main()
