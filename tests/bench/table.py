#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""tests/bench/table.py page|check|accept: what tests/bench/in-vm printed, on standard input, as a page, as TAP, or as numbers to compare with.

Input lines, separated by tabs: "word COLUMN TITLE ASKED" (by tests/bench/run), "fact NAME VALUE", "load COLUMN …" and "told COLUMN DELIVERED LOST"; "about RUN WORDS" and "run RUN INSTRUCTIONS KIB BYTES [IN-BPF]", or "run RUN -" for what could not be had;
"storm …" and "storms …" are those of tests/bench/storm.
check and accept take the file of numbers as an argument. "Added" is what an operation costs more than with nothing watching, for each call that is
traced; of an operation without one, for the operation.
"""
import sys

MARGIN = 1.05  # what may be more than was committed
LEAST = 15     # instructions that are never too many: less than a timer tick more in a round

# Calls of a load before what is measured, besides one operation
SETUP = {"pin": 1, "fd-pin": 1, "dma-rw": 1, "invalidate-1": 1, "invalidate-1000": 1000, "invalidate-60000": 60000}

STORMS = {"all": "trace", "first": "trace -p, of the first processor's process", "small": "trace --buffer 4K"}

words, facts, told, loads, about, runs, storm, storms = {}, {}, {}, {}, {}, {}, {}, {}
for line in sys.stdin:
    kind, *rest = line.rstrip("\n").split("\t")
    if kind == "word":
        words[rest[0]] = rest[1:]
    elif kind == "fact":
        facts[rest[0]] = rest[1]
    elif kind == "told":
        told[rest[0]] = rest[1:]
    elif kind == "about":
        about[rest[0]] = rest[1]
    elif kind == "run":
        runs[rest[0]] = list(map(int, rest[1:])) if rest[1] != "-" else []
    elif kind == "storm":
        storm.setdefault(rest[0], []).append(list(map(int, rest[1:])))
    elif kind == "storms":
        storms[rest[0]] = list(map(int, rest[1:]))
    elif kind == "load":
        column, load, ops, calls, *numbers = rest
        loads.setdefault(load, {})[column] = {"ops": float(ops), "calls": int(calls), **dict(zip(("caller", "least", "most", "all"), map(float, numbers)))}


def added(load, column, what):
    row = loads[load]
    base = (row["nothing"][what] + row["nothing-again"][what]) / 2
    return (row[column][what] - base) / (row[column]["calls"] or 1)


def differs(load, column, what):
    """Added, in words; nothing where it is no more than four times what start and end of the boot are apart, or than what it is less with another."""
    row = loads[load]
    if column not in row:
        return "–"
    apart = abs(row["nothing"][what] - row["nothing-again"][what]) / (row["nothing"]["calls"] or 1)
    unsure = max(4 * apart, *(-added(load, c, what) for c in row if not c.startswith("nothing")))
    n = added(load, column, what)
    return number(n) if abs(n) > unsure else "·"


def number(n):
    return f"{n:,.0f}".replace("-0", "0") if abs(n) >= 0.5 else "0"


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|---" + "|--:" * (len(head) - 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def delivered(column):
    """Of those it was to tell of; what it says it has lost."""
    if column not in told or not told[column][0].isdigit() or column == "filtered":
        return "–"
    n, lost = int(told[column][0]), int(told[column][1])
    here = [(l, loads[l][column]) for l in loads if column in loads[l]]
    calls = sum((row["ops"] + 1) * row["calls"] + SETUP.get(l, 0) for l, row in here)
    return f"{min(100, 100 * n / calls):.4g} %" + (f", says {lost:,} lost" if lost else "")


def run_row(words, numbers):
    if not numbers:
        return [words, "–", "–", "–"]
    instructions, kib, _, *in_bpf = numbers
    return [words, f"{instructions / 1e6:,.1f}", f"{in_bpf[0] / 1e6:,.1f}" if in_bpf else "–", f"{kib / 1024:.1f}"]


def storm_table():
    """Without counting instructions, which is for one processor. What was made is what is told of, left out by the filter, or lost."""
    print("### A storm on two processors: a process on each maps and unmaps a page, as fast as it goes; two records for a call\n")
    rows = []
    for c, processes in storm.items():
        filtered, lost = storms[c]
        for cpu, calls, mapped, charged in sorted(processes):
            rows.append([f"`{STORMS[c]}`", str(cpu), number(calls), number(mapped), number(charged), "", "", ""])
        made, seen = 2 * sum(p[1] for p in processes), sum(p[2] + p[3] for p in processes)
        if made != seen + filtered + lost:
            sys.exit(f"table.py: {c}: {made} records made, {seen} told of, {filtered} filtered, {lost} lost")
        rows.append(["", "both", number(made // 2), number(sum(p[2] for p in processes)), number(sum(p[3] for p in processes)),
                     number(filtered), number(lost), f"{seen:,} + {filtered:,} + {lost:,} = {made:,}"])
    table(["watching", "processor", "calls", "told of", "their charges", "filtered out", "lost", "exact"], rows)


def page():
    print(f"## {facts['kernel']}: Linux {facts['release']}\n")
    print("### Nothing watching: instructions for an operation\n")
    table(["load", "caller", "rounds from", "to", "at the end of the boot", "differs by", "everybody", "traced calls"],
          [[l, number(r["nothing"]["caller"]), number(r["nothing"]["least"]), number(r["nothing"]["most"]), number(r["nothing-again"]["caller"]),
            f"{100 * abs(r['nothing-again']['caller'] / r['nothing']['caller'] - 1):.2f} %", number(r["nothing"]["all"]), str(r["nothing"]["calls"])]
           for l, r in loads.items()])
    columns = [c for c in words if c != "nothing" and any(c in r for r in loads.values())]
    for what, title in (("all", "Added for a traced call, by everybody: caller, kernel, reader"), ("caller", "Of that, in the caller")):
        print(f"### {title}\n")
        table(["watching"] + list(loads) + (["calls delivered"] if what == "all" else []),
              [[words[c][0]] + [differs(l, c, what) for l in loads] + ([delivered(c)] if what == "all" else [])
               for c in columns])
    if runs:
        print("### Started, or run once: instructions of the process, and its largest size\n")
        table(["what", "million instructions", "of them in BPF", "MiB"], [run_row(about[r], runs[r]) for r in about if r in runs])
    if storm:
        storm_table()
    print("### What was asked of each\n")
    for c in words:
        print(f"- **{words[c][0]}**: {words[c][1]}.")
    print()


def ours():
    return {(c, l): added(l, c, "all") for l in loads for c in loads[l] if c not in ("nothing", "nothing-again", "floor")}


def check(path):
    committed = {}
    for line in open(path):
        if not line.startswith("#"):
            kernel, column, load, n = line.rstrip("\n").split("\t")
            if kernel == facts["kernel"]:
                committed[column, load] = float(n)
    bad = 0
    for i, (key, now) in enumerate(sorted(ours().items()), 1):
        was = committed.get(key)
        ok = was is not None and now <= max(was * MARGIN, was + LEAST)
        bad |= not ok
        print(f"{'ok' if ok else 'not ok'} {i} - {facts['kernel']}: {words[key[0]][0]} under {key[1]} adds {now:,.0f}, "
              + ("no number is committed" if was is None else f"was {was:,.0f}"))
    for key in sorted(set(committed) - set(ours())):
        i, bad = i + 1, True
        print(f"not ok {i} - {facts['kernel']}: {key[0]} under {key[1]} was not measured")
    lost = [c for c in ("floor", "record", "trace") if told.get(c, ["", ""])[1] != "0" or int(told[c][0]) < max(1, int(told["floor"][0]))]
    print(f"{'not ok' if lost else 'ok'} {i + 1} - every call was told of, nothing was lost" + "".join(f"; not so by {c}" for c in lost))
    print(f"1..{i + 1}")
    return bad or bool(lost)


def accept(path):
    kept = [line for line in open(path) if not line.startswith(facts["kernel"] + "\t")]
    with open(path, "w") as f:
        f.writelines(kept)
        f.writelines(f"{facts['kernel']}\t{c}\t{l}\t{n:.1f}\n" for (c, l), n in sorted(ours().items()))


sys.exit({"page": page, "check": check, "accept": accept}[sys.argv[1]](*sys.argv[2:]))
