#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The guard is killed at its steps of starting, as kill_at numbers them, with its pins and those of before, while a program invalidates beside an mdev all the time. None of these tries may be let through after the first READY, which is
# the program's own count, and when one has started again there is one generation of programs. check-long kills it at every step, make check at some of each kind.

load helpers
load guard

PINS=/sys/fs/bpf/fdpin-kills
PLAN=$BATS_FILE_TMPDIR/plan
STEPS=$BATS_FILE_TMPDIR/steps

setup() {
	need_blocking
	need_mdev
	touch "$STEPS" "$PLAN"
}
teardown() {
	[ -n "${BATS_TEST_COMPLETED-}" ] || tail -n 12 "$STEPS" "$GUARD" "$GUARD.err" >&2 2>/dev/null || true
	common_teardown
}
teardown_file() {
	[ ! -e "$BATS_FILE_TMPDIR/pinned.pid" ] || kill -KILL "$(cat "$BATS_FILE_TMPDIR/pinned.pid")" 2>/dev/null || true
	rm -rf "$PINS"
}

long() { [ "${FDPIN_LONG:-0}" != 0 ]; }

# Programs of a guard that are in the kernel, by name; it frees them some time after the last link is gone.
programs() { bpftool -j prog list | jq -r '.[] | select(.name // "" | test("^(guard_|lsm__|fmod_ret__)")) | .name' | LC_ALL=C sort; }
links() { bpftool -j link list | jq -r '.[].prog_id' | LC_ALL=C sort >"$BATS_TEST_TMPDIR/linked"; bpftool -j prog list | jq -r '.[] | select(.name // "" | test("^(guard_|lsm__|fmod_ret__)")) | .id' | LC_ALL=C sort | LC_ALL=C join - "$BATS_TEST_TMPDIR/linked" | wc -l; }
# What one guard has was noted when there was one: $BATS_FILE_TMPDIR/one
note_generation() {
	programs >"$BATS_FILE_TMPDIR/one"
	links >"$BATS_FILE_TMPDIR/one-links"
	same "programs of one" "$(uniq -d "$BATS_FILE_TMPDIR/one")" ""
	[ "$(wc -l <"$BATS_FILE_TMPDIR/one")" -gt 10 ]
	[ "$(cat "$BATS_FILE_TMPDIR/one-links")" -gt 5 ]
}
one_generation() {
	local i
	for ((i = 0; i < 100; i++)); do
		[ "$(programs)" = "$(cat "$BATS_FILE_TMPDIR/one")" ] && [ "$(links)" = "$(cat "$BATS_FILE_TMPDIR/one-links")" ] && return 0
		sleep 0.1
	done
	programs | diff "$BATS_FILE_TMPDIR/one" - >&2
	links >&2
	return 1
}

kills() { grep -c '^killed' "$STEPS" || true; }

# Of the steps in a file: the numbers of all of them, or where there is no time for that of the first and the last of each kind (bpf by its command), and of a few between.
choose() { # FILE STRIDE
	if long; then
		sed -n 's/^step \([0-9]*\) .*/\1/p' "$1"
	else
		awk -v stride="$2" '$1 == "step" { kind = $3 ($3 == "bpf" || $3 == "sendmsg" ? substr($4, 1, 12) : ""); if (!(kind in first)) first[kind] = $2; last[kind] = $2 }
			END { for (k in first) { print first[k]; print last[k] } }' "$1" | sort -nu | awk -v stride="$2" 'NR % stride == 1 || stride == 1'
	fi
}

@test "control: without a guard the same attack is let through" {
	attack_begins 1
	answers done # it has had the time of another act to try
	kill -TERM "$(cat "$BATS_FILE_TMPDIR/attack.pid")"
	wait_line '^attack_refused=' "$BATS_FILE_TMPDIR/attack"
	[ "$(sed -n 's/^attack_allowed=//p' "$BATS_FILE_TMPDIR/attack")" -gt 0 ]
	same "refused" "$(sed -n 's/^attack_refused=//p' "$BATS_FILE_TMPDIR/attack")" 0
}

# pinned N…: starts one after the other that are killed at these steps; 0: one that comes up
pinned() {
	local n
	for n; do
		echo "$n" >"$PLAN"
		(
			close_files
			exec "$progs/kill_at" "$PLAN" "$STEPS" "$fdpin" enforce -j --pin="$PINS" --root "$BATS_FILE_TMPDIR/tree"
		) </dev/null >"$GUARD" 2>"$GUARD.err" &
		echo $! >"$BATS_FILE_TMPDIR/pinned.pid"
		if [ "$n" = 0 ]; then
			wait_line '"type":"guard"' "$GUARD" 900
		else
			wait_line "^killed $n " "$STEPS" 900
			ends
			mv "$STEPS" "$STEPS.$n"
			touch "$STEPS"
		fi
	done
}
ends() {
	local i
	for ((i = 0; i < 600; i++)); do
		kill -0 "$(cat "$BATS_FILE_TMPDIR/pinned.pid")" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

@test "with pins: killed at its steps, the next one takes over, and one generation is left" {
	local numbers
	policy '[mdev-vaddr]' 'action = deny'
	: >"$STEPS"
	pinned 0
	note_generation
	attack_begins 1
	kill -KILL "$(cat "$BATS_FILE_TMPDIR/pinned.pid")"
	ends
	: >"$STEPS"
	pinned 0
	# a step that removes is of what was found there
	[ "$(grep -c OBJ_PIN "$STEPS")" = "$(cat "$BATS_FILE_TMPDIR/one-links")" ]
	grep 'renameat.*half-' "$STEPS"
	grep unlinkat "$STEPS"
	cp "$STEPS" "$BATS_FILE_TMPDIR/start-pins"
	numbers=$(choose "$BATS_FILE_TMPDIR/start-pins" 5)
	kill -KILL "$(cat "$BATS_FILE_TMPDIR/pinned.pid")"
	ends
	if long; then
		for n in $numbers; do
			pinned "$n" 0
			one_generation
			kill -KILL "$(cat "$BATS_FILE_TMPDIR/pinned.pid")"
			ends
		done
	else
		pinned $numbers
	fi
	pinned 0
	one_generation
	same "generations in the folder" "$(find "$PINS" -mindepth 1 -maxdepth 1 -name 'guard-*' | wc -l) $(find "$PINS" -mindepth 1 -maxdepth 1 | wc -l)" "1 1"
	attack_ends
	kill -TERM "$(cat "$BATS_FILE_TMPDIR/pinned.pid")"
	ends
	[ ! -e "$PINS" ]
	comes_to_answer done
}
