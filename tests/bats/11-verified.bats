#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What each BPF program costs the verifier, beside the table of this kernel in tests/verified: a program that grows here grows into the limit on a kernel nobody tried.

load helpers

# What is seen is left in the build folder: "make verified" makes the tables of it.
@test "no program costs the verifier more than a tenth above the table, none is missing there" {
	table=$top/tests/verified/$KERNEL new=$O/verified/$KERNEL
	mkdir -p "$O/verified"
	{
		"$fdpin" trace -vv -d 1ms
		"$fdpin" enforce -vv --monitor -d 1ms --root "$BATS_TEST_TMPDIR" || true # which a row can have no use for
		"$fdpin" doctor -vv
	} 2>&1 >/dev/null | sed -n 's/^fdpin-trace: program \([a-z0-9_]*\): \([0-9]*\) instructions verified/\1 \2/p' | LC_ALL=C sort -u >"$new"
	[ "$(wc -l <"$new")" -ge 20 ]
	awk '
		FNR == NR	{ known[$1] = $2; next }
		!($1 in known)	{ print "not in the table (make verified): " $0; bad = 1; next }
		$2 > known[$1] * 1.1 { print "grown from " known[$1] " (make verified, if it must be): " $0; bad = 1 }
				{ delete known[$1] }
		END {
			for (p in known) { print "gone (make verified): " p; bad = 1 }
			exit bad
		}' "$table" "$new"
}
