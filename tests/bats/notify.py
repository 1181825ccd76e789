#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""notify.py LOG COMMAND…: what systemd is to a service of Type=notify, for a test: a socket for its messages (each a line of LOG, "message …"), a store of
its file descriptors, as many as the unit allows, a watchdog that only listens, and a restart with the stored descriptors, FDPIN_RESTART seconds (3) after a
signal killed it. Ends as the command does. SIGTERM: as systemctl stop. SIGUSR1: as systemctl restart. SIGHUP: the store is emptied. SIGUSR2: it is emptied
and takes nothing any more, until the next SIGUSR2."""
import array
import ctypes
import os
import select
import signal
import socket
import sys
import time

libc = ctypes.CDLL(None)
log = open(sys.argv[1], "a", buffering=1)
command = sys.argv[2:]
path = sys.argv[1] + ".socket"
store = []  # (name, descriptor)
STORE_MAX = 64
state = {"restart": False, "takes": True}
bus = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
bus.bind(path)


def is_same(a, b):  # as systemd asks: is it the same open file?
    return libc.syscall(312, os.getpid(), os.getpid(), 0, ctypes.c_ulong(a), ctypes.c_ulong(b)) == 0


def empty():
    for _, fd in store:
        os.close(fd)
    store.clear()
    log.write("emptied\n")


def hear():
    data, anc, _, _ = bus.recvmsg(4096, socket.CMSG_SPACE(64 * 4))
    lines = data.decode().splitlines()
    fds = array.array("i")
    for level, kind, content in anc:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    name = next((line[7:] for line in lines if line.startswith("FDNAME=")), "stored")
    if "FDSTORE=1" in lines:
        for fd in fds:
            if len(store) < STORE_MAX and state["takes"]:
                if not any(is_same(fd, s) for _, s in store):
                    store.append((name, fd))
                    continue
            os.close(fd)
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


def restart():
    state["restart"] = True
    os.kill(pid, signal.SIGTERM)


def refuse():
    state["takes"] = not state["takes"]
    empty()


pid = start()
signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
signal.signal(signal.SIGUSR1, lambda *_: restart())
signal.signal(signal.SIGUSR2, lambda *_: refuse())
signal.signal(signal.SIGHUP, lambda *_: empty())
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
        if not state["restart"]:
            sys.exit(os.waitstatus_to_exitcode(status))
    else:
        time.sleep(float(os.environ.get("FDPIN_RESTART", "3")))
    state["restart"] = False
    pid = start()
