#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""referee.py LIST STATUS: holds `fdpin-trace status -j` (STATUS) against what the acting program says it did (LIST, made by tests/progs/act_list)
and against what the kernel says of the same things elsewhere: /proc/PID/fd (kcmp tells which files are one), maps, status, limits, exe, cgroup, and
sysfs. Prints each difference, and how many things it compared; the status is 1 if there is a difference, or nothing was compared.
"""
import ctypes
import glob
import json
import os
import re
import sys

KCMP, KCMP_FILE, KCMP_FILES = 312, 0, 2
CAP_IPC_LOCK = 14
libc = ctypes.CDLL(None, use_errno=True)
compared, wrong = 0, 0


def same(what, said, wanted):
    global compared, wrong
    compared += 1
    if said != wanted:
        wrong += 1
        print(f"{what}: status says {said!r}, the referee {wanted!r}")
    return said == wanted


def read(path):
    with open(path, "rb") as f:
        return f.read()


def escaped(raw):
    """What status makes of bytes that are not plainly printable."""
    return "".join("\\\\" if b == 0x5C else chr(b) if 0x20 <= b < 0x7F else f"\\x{b:02x}" for b in raw)


# ---- who has the file -----------------------------------------------------------

def processes():
    return [int(p) for p in os.listdir("/proc") if p.isdigit()]


def kcmp(pid, other, kind, a=0, b=0):
    r = libc.syscall(KCMP, pid, other, kind, ctypes.c_ulong(a), ctypes.c_ulong(b))
    if r < 0:
        raise OSError(ctypes.get_errno(), "kcmp")
    return r == 0


def references(places):
    """Places in file tables: processes that share a table have one between them."""
    own = []
    for pid, fd in places:
        if not any(fd == f and kcmp(pid, p, KCMP_FILES) for p, f in own):
            own.append((pid, fd))
    return len(own)


def candidates():
    """Every file of every process that could be a container: (pid, fd)."""
    found = []
    for pid in processes():
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") in ("/dev/vfio/vfio", "/dev/iommu"):
                    found.append((pid, int(fd)))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def check_holders(what, said, tgid, fd, files):
    if fd is None:  # closed by all; a context of iommufd has its file still, which a device keeps
        same(f"{what} holders", said["holders"], [])
        if said["type"] == "type1":
            same(f"{what} references", said["refs"], 0)
        return
    wanted = sorted((p, f) for p, f in files if kcmp(tgid, p, KCMP_FILE, fd, f))
    same(f"{what} holders", sorted((h["tgid"], h["fd"]) for h in said["holders"]), wanted)
    if said["type"] == "iommufd":  # groups and bound devices keep its file too
        same(f"{what} references, {said['refs']}, as many as in tables or more", said["refs"] >= references(wanted), True)
    else:
        same(f"{what} references", said["refs"], references(wanted))
    for h in said["holders"]:
        same(f"{what} comm of {h['tgid']}", h["comm"], escaped(read(f"/proc/{h['tgid']}/comm")[:-1]))
        same(f"{what} threads of {h['tgid']}", h["threads"], len(os.listdir(f"/proc/{h['tgid']}/task")))


# ---- devices ----------------------------------------------------------------------

def group_number(path):
    return int(os.path.basename(os.readlink(f"{path}/iommu_group")))


def sysfs_of(name):
    paths = [p for p in (f"/sys/bus/pci/devices/{name}", f"/sys/bus/mdev/devices/{name}") if os.path.exists(p)]
    return paths[0] if paths else None


def check_device(what, said):
    path = sysfs_of(said["name"])
    if not same(f"{what} {said['name']} is in sysfs", path is not None, True):
        return
    same(f"{what} {said['name']} group", said.get("group"), group_number(path))
    same(f"{what} {said['name']} kind", said["backed"], "mdev" if "/mdev/" in path else "iommu")
    names = [os.path.basename(p) for p in glob.glob(f"{path}/vfio-dev/*")]
    same(f"{what} {said['name']} as a VFIO device", said.get("vfio"), names[0] if names else None)
    if said.get("vfio"):
        same(f"{what} {said['name']} in its class", os.path.realpath(f"/sys/class/vfio-dev/{said['vfio']}/device"), os.path.realpath(path))


def check_devices(what, said, wanted):
    same(f"{what} devices", sorted(d["name"] for d in said["devices"]), sorted(wanted))
    for d in said["devices"]:
        check_device(what, d)


# ---- ranges and what is behind them ---------------------------------------------------

MAPS = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) [0-9a-f]+:[0-9a-f]+ (\d+) *(.*)")


def maps_of(pid):
    areas = []
    for line in read(f"/proc/{pid}/maps").split(b"\n"):
        m = MAPS.fullmatch(line)
        if m:
            name = re.sub(rb"\\012", b"\n", m[6])
            areas.append((int(m[1], 16), int(m[2], 16), m[3].decode(), int(m[4], 16), int(m[5]), name))
    return areas


def area_at(areas, addr):
    low, high = 0, len(areas)
    while low < high:
        mid = (low + high) // 2
        if areas[mid][0] <= addr:
            low = mid + 1
        else:
            high = mid
    return areas[low - 1] if low and addr < areas[low - 1][1] else None


def check_memory(what, said, wanted, areas):
    """Of a range of addresses: /proc/PID/maps."""
    vaddr = int(wanted["vaddr"], 16)
    area = area_at(areas, vaddr)
    backing = said["backing"]
    if wanted["kind"] == "none":
        same(f"{what} memory", backing, None)
        return
    if not same(f"{what} memory is known", backing is not None and area is not None, True):
        return
    start, end, perms, offset, inode, name = area
    gone = name.endswith(b" (deleted)")
    same(f"{what} memory", backing["kind"], wanted["kind"])
    same(f"{what} shared", backing["shared"], perms[3] == "s")
    same(f"{what} in one piece", backing["whole"], vaddr + wanted["size"] <= end)
    same(f"{what} inode", backing["inode"], inode or None)
    if not inode:
        return
    same(f"{what} offset", backing["offset"], offset + vaddr - start)
    if wanted["kind"] not in ("mmio", "guest_memfd"):  # these have a link and no name
        same(f"{what} links", backing["links"] == 0, gone)
    path = name[:-10] if gone else name
    same(f"{what} path", backing["path"].lstrip("/"), escaped(path).lstrip("/"))


def check_file(what, said, wanted, fds):
    """Of a range of a file: the file that the acting program has open."""
    backing = said["backing"]
    if not same(f"{what} memory is known", backing is not None, True):
        return
    same(f"{what} memory", backing["kind"], wanted["kind"])
    same(f"{what} offset", backing["offset"], wanted["offset"])
    same(f"{what} inode", backing["inode"] in fds, True)
    name = fds.get(backing["inode"], b"")
    gone = name.endswith(b" (deleted)")
    same(f"{what} path", backing["path"].lstrip("/"), escaped(name[:-10] if gone else name).lstrip("/"))


def files_of(pid):
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{fd}"
        found[os.stat(path).st_ino] = os.readlink(os.fsencode(path))
    return found


def check_ranges(what, said, wanted, maps, fds):
    key = lambda r: (r.get("ioas") or 0, int(r["iova"], 16))
    ranges, listed = said["ranges"], sorted(wanted, key=key)
    keys = [key(r) for r in ranges]
    same(f"{what} number of ranges", len(ranges), len(listed))
    same(f"{what} ranges once each, in order of their iova", keys, sorted(set(keys)))
    by_key = {key(r): r for r in ranges}
    for w in listed:
        r = by_key.get(key(w))
        name = f"{what} range {w['iova']}"
        if not same(f"{name} is there", r is not None, True):
            continue
        for field in ("iova", "size", "vaddr", "read", "write", "valid", "ioas"):
            same(f"{name} {field}", r[field], w[field])
        if w["vaddr"]:
            check_memory(name, r, w, maps[w["tgid"]])
        else:
            check_file(name, r, w, fds)


def check_ioases(what, said, wanted):
    """Only where there are ranges: an ioas without any is not in the list."""
    if said["type"] != "iommufd":
        return
    areas = {}
    for w in wanted:
        areas[w["ioas"]] = areas.get(w["ioas"], 0) + 1
    same(f"{what} areas", {i["ioas"]: i["areas"] for i in said["ioases"] if i["areas"]}, areas)


# ---- counters and limits ------------------------------------------------------------

def status_field(pid, name):
    for line in read(f"/proc/{pid}/status").decode(errors="replace").split("\n"):
        if line.startswith(name + ":"):
            return line.split()[1]
    return None


def limit(pid):
    for line in read(f"/proc/{pid}/limits").decode().split("\n"):
        if line.startswith("Max locked memory"):
            return [None if w == "unlimited" else int(w) for w in line.split()[3:5]]
    return None


def check_process(status, pid):
    mine = [m for m in status["mms"] if any(p["tgid"] == pid for p in m["processes"])]
    if not same(f"address spaces of {pid}", len(mine), 1):
        return
    mm = mine[0]
    process = [p for p in mm["processes"] if p["tgid"] == pid][0]
    same(f"{pid} VmLck", mm["locked_vm_pages"] * 4, int(status_field(pid, "VmLck")))
    same(f"{pid} VmPin", mm["pinned_vm_pages"] * 4, int(status_field(pid, "VmPin")))
    same(f"{pid} limits", [process["memlock_soft"], process["memlock_hard"]], limit(pid))
    same(f"{pid} CAP_IPC_LOCK", process["cap_ipc_lock"], bool(int(status_field(pid, "CapEff"), 16) >> CAP_IPC_LOCK & 1))
    same(f"{pid} uid", process["uid"], int(status_field(pid, "Uid")))
    same(f"{pid} comm", process["comm"], escaped(read(f"/proc/{pid}/comm")[:-1]))
    same(f"{pid} exe", process["exe"], escaped(os.readlink(f"/proc/{pid}/exe".encode())))


# ---- the whole ------------------------------------------------------------------------

def container_at(status, pid, fd):
    found = [c for c in status["containers"] if any(h["tgid"] == pid and h["fd"] == fd for h in c["holders"])]
    return found[0] if len(found) == 1 else None


def container_with(status, device):
    found = [c for c in status["containers"] if any(d["name"] == device for d in c["devices"])]
    return found[0] if len(found) == 1 else None


def check_container(status, tgid, wanted, files, maps, fds):
    fd = wanted["fds"][-1] if wanted["fds"] else None
    what = f"container at fd {fd}" if wanted["fds"] else f"container of {wanted['devices'][0]}"
    said = container_at(status, tgid, fd) if wanted["fds"] else container_with(status, wanted["devices"][0])
    if not same(f"{what} is there", said is not None, True):
        return
    kind = {"type1": "type1" if wanted["driver"] else None, "compat": "iommufd", "iommufd": "iommufd"}[wanted["kind"]]
    same(f"{what} type", said["type"], kind)
    same(f"{what} stable", said["unstable"], False)
    same(f"{what} invalid ranges", said["invalid"], sum(not r["valid"] for r in wanted["ranges"]))
    if wanted["kind"] == "compat" and wanted["ranges"]:
        same(f"{what} ioas of VFIO's calls", said["compat_ioas"], wanted["ranges"][0]["ioas"])
    if wanted["kind"] == "iommufd":
        same(f"{what} ioas of VFIO's calls", said["compat_ioas"], None)
    check_holders(what, said, tgid, fd, files)
    check_devices(what, said, wanted["devices"])
    check_ioases(what, said, wanted["ranges"])
    check_ranges(what, said, wanted["ranges"], maps, fds)
    return said


def main():
    with open(sys.argv[1]) as f:
        wanted = json.load(f)
    with open(sys.argv[2]) as f:
        status = json.load(f)
    tgid = wanted["tgid"]
    files, fds, pids = candidates(), files_of(tgid), {tgid}
    maps = {p: maps_of(p) for p in {tgid} | {r["tgid"] for c in wanted["containers"] for r in c["ranges"]}}
    same("complete", status["complete"], True)
    same("lost", status["lost"], 0)
    for c in wanted["containers"]:
        said = check_container(status, tgid, c, files, maps, fds)
        pids |= {h["tgid"] for h in said["holders"]} if said else set()
    for pid in sorted(pids):
        check_process(status, pid)
    print(f"{compared} compared, {wrong} differ")
    return 1 if wrong or not compared else 0


sys.exit(main())
