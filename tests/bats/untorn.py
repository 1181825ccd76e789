#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""untorn.py TGID FIRST_IOVA MEMORY SLOTS GENERATIONS STATUS...: what was never true must not be shown as stable.

The acting program (act_list, mutate) replaces slot after slot by the next generation, so at every moment some slots from the first on are of one
generation, the rest of the one before, and at most the one in between is missing. The IOVA of a range tells its slot, its address the generation.
Prints how many containers were shown stable, unstable and torn; the status is 1 if one that is called stable is torn, or none was stable.
The lines are comments of TAP.
"""
import json
import sys

PAGE = 4096
tgid, first, memory, slots, gens = (int(a, 0) for a in sys.argv[1:6])
counts = {"stable": 0, "unstable": 0, "torn": 0, "between": 0}


def generations(container):
    """Of each slot; None where there is no range. Raises ValueError for a range that is none of the program's."""
    found = [None] * slots
    for r in container["ranges"]:
        slot, rest = divmod(int(r["iova"], 16) - first, 2 * PAGE)
        gen, other = divmod((int(r["vaddr"], 16) - memory) // PAGE, slots)
        if rest or not 0 <= slot < slots or slot != other or not 0 <= gen < gens or r["size"] != PAGE or found[slot] is not None:
            raise ValueError(f"a range that never was: {r}")
        found[slot] = gen
    return found


def untorn(found):
    """Some of g, at most one missing, the rest of g - 1."""
    missing = [i for i, g in enumerate(found) if g is None]
    if len(missing) > 1:
        return False
    edges = [i for i in range(1, slots) if None not in (found[i - 1], found[i]) and found[i - 1] != found[i]]
    for cut in missing or edges or [0]:
        before, after = set(found[:cut]), set(found[cut:]) - {None}
        if len(before) > 1 or len(after) > 1:
            return False
        if before and after and before != {(after.pop() + 1) % gens}:
            return False
    return len(edges) <= 1


for path in sys.argv[6:]:
    with open(path) as f:
        status = json.load(f)
    for c in status["containers"]:
        if not any(h["tgid"] == tgid for h in c["holders"]):
            continue
        if c["unstable"]:
            counts["unstable"] += 1
            continue
        found = generations(c)
        counts["stable"] += 1
        counts["between"] += len(set(found)) > 1
        if not untorn(found):
            counts["torn"] += 1
            print(f"# {path}: {c['id']} is called stable and was never so: {found}")
print("# " + ", ".join(f"{n} {what}" for what, n in counts.items()))
sys.exit(1 if counts["torn"] or not counts["stable"] else 0)
