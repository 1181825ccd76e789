#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The acts of 20-deadlock.bats beside a guard, all of them: while it denies none gets there, and while it monitors each does. Whether it did is the
# word of the act, which looks at its threads from outside, and of status; the guard's own is what it told.

load helpers
load guard

setup() {
	need_mdev
	need_blocking
}
teardown() { guard_teardown; }
teardown_file() {
	load guard
	guard_teardown_file
}

# What the tests of 20- call act with: a line each, also one that will come.
acts() { sed -n 's/.*{ deadlock_case \(.*\); }$/deadlock \1/p; s/^\tact \([^$]*\)$/\1/p' "$BATS_TEST_DIRNAME/20-deadlock.bats"; }
# One of each kind: what hangs stays, and its device with it, and beside 20- not all have room.
kinds() { acts | grep -E -- '^(timer|handover|two|exec --what both)|flush_work( --how exit)?$' | grep -v syswork; }

# Containers that are deadlocked, or may be; those of earlier files are there still.
deadlocks() { "$fdpin" status -j | jq -c '[.verdicts[] | select(.name == "deadlock" and .answer != "no") | .subject] | sort'; }

@test "while it denies: none of the acts that deadlock even begins, and each is told once" {
	local all words before n=0
	same "acts of 20-" "$(acts | wc -l)" "$(grep -c '^@test' "$BATS_TEST_DIRNAME/20-deadlock.bats")"
	mapfile -t all < <(acts | sort -u)
	before=$(deadlocks)
	policy '[mdev-vaddr]' 'action = deny'
	guard
	for words in "${all[@]}"; do
		# shellcheck disable=SC2086 # words they are
		act $words
		same "$words" "${A[result]-} ${A[refused]-} ${A[refused_call]-}" "refused EBUSY invalidate"
		n=$((n + 1))
		wait_lines $n '"action":"denied"' "$GUARD"
	done
	[ "$(deadlocks)" = "$before" ]
	unguard
	same "told" "$(jq -cn '[inputs | select(.type == "decision" and .action == "denied") | [.rule, .op, .result, .flags]] | unique' "$GUARD")" '\[\["mdev-vaddr","invalidate",-16,"0x4"\]\]'
	same "counted" "$(counted mdev-vaddr denied) $(counted mdev-vaddr would_deny)" "$n 0"
	nothing_lost
}

# All of them are there before one look at the system, which takes longer than an act.
@test "while it monitors: each deadlocks as without a guard, and is told once as one that would not have been; nobody is killed, nothing in quarantine" {
	local all words wanted pids=() i invalidations=0
	mapfile -t all < <(if [ "$KERNEL" = 6.1-unfixed ]; then acts; else kinds; fi | sort -u)
	[ ${#all[@]} -ge 6 ]
	policy '[mdev-vaddr]' 'action = deny' 'contain = quarantine'
	guard --monitor
	for i in "${!all[@]}"; do
		# shellcheck disable=SC2086
		act ${all[i]}
		same "${all[i]}" "${A[result]-} ${A[refused]-} ${A[refused_call]-}" "  "
		mv "$BATS_TEST_TMPDIR/act.out" "$BATS_TEST_TMPDIR/$i.out"
		pids+=("$ACT_PID")
	done
	"$fdpin" status -j >"$ST"
	unguard
	for i in "${!all[@]}"; do
		words=${all[i]}
		cp "$BATS_TEST_TMPDIR/$i.out" "$BATS_TEST_TMPDIR/act.out"
		load_act
		container_of_act
		wanted=yes/proven
		[[ $words != *' completion' ]] || wanted=cannot-tell/likely
		same "$words" "$(answer deadlock)" "$wanted"
		same "told of $words" "$(jq -cn --arg id "$ID" '[inputs | select(.type == "decision" and .container == $id) | "\(.rule) \(.action) \(.op) \(.result)"] | sort' "$GUARD")" \
			'\["mdev-vaddr not-prevented invalidate 0","mdev-vaddr would-deny invalidate -16"\]'
		invalidations=$((invalidations + 1))
		[ -z "${A[other_uuid]-}" ] || invalidations=$((invalidations + 1)) # of its other container
	done
	kill -TERM "${pids[@]}"
	ACT_PID=
	same "counted" "$(jq -r 'select(.type == "summary") | .swept as $s | .rules[0] | "\(.would_deny) \(.denied) \(.not_prevented - $s) \(.quarantined)"' "$GUARD")" "$invalidations 0 $invalidations 0"
	jq -en 'inputs | select(.type == "summary") | .killed == 0 and .quarantines == 0' "$GUARD"
	nothing_lost
}
