#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A guard that monitors changes nothing: the same random calls come to the same, and leave the same behind, without the tool and beside it. How much
# of it the guard has seen its counters say; one that denies changes the same calls.

load helpers
load guard

# in-vm runs this file before its live trace begins.

setup() { need_mdev; }
teardown() { guard_teardown; }
teardown_file() {
	load guard
	guard_teardown_file
}

if [ "${FDPIN_LONG:-0}" != 0 ]; then SEEDS=({1..100}) ROUNDS=5000; else SEEDS=(1 2) ROUNDS=3000; fi

calls_of() { echo "$BATS_FILE_TMPDIR/$1.$2"; }

# calls SEED NAME: what each of them came to is in calls_of SEED NAME
calls() {
	local out=$BATS_TEST_TMPDIR/out
	(
		close_files
		exec "$progs/alike" --timeout 600 --seed "$1" --rounds "$ROUNDS" --what "$(refuses && echo refuses || echo waits)" \
			--pci "/dev/vfio/$(sed -n 1p "$RUN/pci-groups")" --other "/dev/vfio/$(sed -n 2p "$RUN/pci-groups")"
	) </dev/null >"$out" 2>&1 || { tail -n 5 "$out" >&2; return 1; }
	grep '^[0-9]' "$out" >"$(calls_of "$1" "$2")"
	sed -n 's/^calls/# seed '"$1"': &/p' "$out" >&3
}

alike() { diff "$(calls_of "$1" without)" "$(calls_of "$1" "$2")" >"$BATS_TEST_TMPDIR/diff"; }

# How many lines of calls of a kind say that.
lines() { grep -hE "^[0-9]+ $1" "$BATS_FILE_TMPDIR"/*.without | grep -cE "$2" || true; }

@test "without the tool: calls of every kind, some of which go well and some do not, and ranges in every state" {
	local seed what well not
	complaints >"$BATS_FILE_TMPDIR/complaints"
	for seed in "${SEEDS[@]}"; do calls "$seed" without; done
	for what in map restore invalidate unmap 'unmap and ask' dirty info join leave open close pin unpin dma_rw driver; do
		well=$(lines "[a-z]+ ?[0-9]*: $what" ': done [0-9]+, [0-9]+ kB$') not=$(lines "[a-z]+ ?[0-9]*: $what" ': E[A-Z0-9]+ 0, [0-9]+ kB$')
		echo "# $what: $well well, $not not" >&3
		[ "$well" -ge 5 ]
		[ "$not" -ge 3 ]
	done
	for what in i k -; do [ "$(lines 'state of container' "[0-9]: [ik-]*$what")" -ge 3 ]; done
}

@test "a guard that monitors every rule, and a trace: each call comes to the same, and the state is the same" {
	local seed rule tracer
	policy '[mdev-vaddr]' 'action = deny' '[strict]' 'action = deny' '[file-backed]' 'action = deny' '[exec-pinned]' 'action = deny' '[max-window]' 'action = deny' 'limit = 1ms'
	guard --monitor
	"$fdpin" trace -v -j -o "$BATS_FILE_TMPDIR/trace.jsonl" 2>"$BATS_FILE_TMPDIR/trace.err" 3>&- 4>&- &
	tracer=$!
	wait_line Ctrl-C "$BATS_FILE_TMPDIR/trace.err" 900
	for seed in "${SEEDS[@]}"; do
		calls "$seed" monitored
		alike "$seed" monitored || { head -n 20 "$BATS_TEST_TMPDIR/diff"; return 1; }
		rm "$(calls_of "$seed" monitored)"
	done
	kill -TERM $tracer
	wait $tracer
	[ -s "$BATS_FILE_TMPDIR/trace.jsonl" ]
	unguard
	for rule in mdev-vaddr strict file-backed exec-pinned; do
		echo "# $rule: $(counted $rule would_deny)" >&3
		[ "$(counted $rule would_deny)" -ge 10 ]
	done
	jq -en 'inputs | select(.type == "summary") | .killed == 0 and .quarantines == 0 and all(.rules[]; .denied == 0)' "$GUARD"
	same "complaints of the kernel" "$(complaints)" "$(cat "$BATS_FILE_TMPDIR/complaints")"
}

# So another result is seen. Of a rule that the kernel has not by itself.
@test "a guard that denies: the same calls come to something else" {
	local seed=${SEEDS[0]} errno=EBUSY
	policy '[mdev-vaddr]' 'action = deny'
	if refuses; then
		policy '[mdev-vaddr]' 'action = off' '[file-backed]' 'action = deny' 'errno = EACCES'
		errno=EACCES
	fi
	guard
	calls "$seed" denied
	unguard
	! alike "$seed" denied || return 1
	grep -m 1 '^< .*: invalidate.*: done' "$BATS_TEST_TMPDIR/diff"
	grep -m 1 "^> .*: invalidate.*: $errno" "$BATS_TEST_TMPDIR/diff"
}
