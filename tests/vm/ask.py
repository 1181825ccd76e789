# SPDX-License-Identifier: GPL-2.0-only
"""ask.py MONITOR: has a hung guest say on its console what it is doing: the CPUs' backtraces and the blocked tasks (SysRq l and w).

Speaks to QEMU's human monitor, which presses the keys; a guest that does not answer keeps us for a few seconds only."""
import socket
import sys
import time

with socket.socket(socket.AF_UNIX) as monitor:
    monitor.settimeout(5)
    monitor.connect(sys.argv[1])
    for key in "l", "w":
        monitor.sendall(f"sendkey alt-sysrq-{key} 50\n".encode())
        time.sleep(1.5)
