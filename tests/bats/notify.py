#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""notify.py LOG COMMAND…: what systemd is to a service of Type=notify, for a test: a socket for its messages (each a line of LOG, "message …"), a store of
its file descriptors, a watchdog that only listens, and a restart with the stored descriptors, three seconds after a signal killed it. Ends as the command does."""
import array
import os
import select
import signal
import socket
import sys
import time

log = open(sys.argv[1], "a", buffering=1)
command = sys.argv[2:]
path = sys.argv[1] + ".socket"
store = []  # (name, descriptor)
bus = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
bus.bind(path)


def hear():
    data, anc, _, _ = bus.recvmsg(4096, socket.CMSG_SPACE(64 * 4))
    lines = data.decode().splitlines()
    fds = array.array("i")
    for level, kind, content in anc:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    name = next((line[7:] for line in lines if line.startswith("FDNAME=")), "stored")
    if "FDSTORE=1" in lines:
        store.extend((name, fd) for fd in fds)
    elif "FDSTOREREMOVE=1" in lines:
        for entry in [e for e in store if e[0] == name]:
            os.close(entry[1])
            store.remove(entry)
    log.write(f"message {' '.join(lines)} [{len(fds)} fds, {len(store)} stored]\n")


def start():
    env = dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC="6000000")
    env.pop("WATCHDOG_PID", None)

    def child():  # descriptors go to 3 and on; their number is told with our pid
        fds = [os.dup2(fd, 200 + i) for i, (_, fd) in enumerate(store)]
        for i, fd in enumerate(fds):
            os.dup2(fd, 3 + i)
        os.closerange(3 + len(fds), 400)
        os.environ.update(env)
        if fds:
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=":".join(n for n, _ in store))
        os.execv(command[0], command)

    pid = os.fork()
    if not pid:
        child()
    log.write(f"started {pid}\n")
    return pid


pid = start()
signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
while True:
    ready, _, _ = select.select([bus], [], [], 0.2)
    if ready:
        hear()
        continue
    gone, status = os.waitpid(pid, os.WNOHANG)
    if not gone:
        continue
    log.write(f"ended {status}\n")
    if not os.WIFSIGNALED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
    time.sleep(3)
    pid = start()
