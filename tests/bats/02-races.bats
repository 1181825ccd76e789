#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Races with the guard, and what it has no room or no time for: many tries of each, so there is no trace beside them. Who wins a race decides no test, nor
# how long something takes: what is tested holds whoever wins, and times are printed.

load helpers
load guard

# A guard that was stopped could not end.
teardown() {
	! guarded || kill -CONT "$(cat "$GUARD.pid")"
	guard_teardown
}
teardown_file() {
	load guard
	guard_teardown_file
}

GROUP=/dev/vfio/$(sed -n 1p "$RUN/pci-groups")
OTHER=/dev/vfio/$(sed -n 2p "$RUN/pci-groups")

# An act that takes as long as it takes, up to so many seconds.
races() { # SECONDS OPTION…
	"$progs/act_races" --timeout "$1" "${@:2}" </dev/null >"$BATS_TEST_TMPDIR/act.out" 2>&1
	load_act
	same error "${A[error]-}" ""
}
goes_on() {
	kill -USR1 "${A[tgid]}"
	wait_line '^over=' "$BATS_TEST_TMPDIR/act.out"
	load_act
}
stop_guard() { kill -STOP "$(cat "$GUARD.pid")"; }
go_on_guard() { kill -CONT "$(cat "$GUARD.pid")"; }

# What others could do meanwhile, in one line.
held() {
	local what
	for what; do printf '%s=%s ' "$what" "${A[held_$what]-}"; done
}

# One guard for all that follows, up to the test that ends it.
@test "invalidations against joins, by two to eight threads: never both, one of them before long, and nothing is left of it" {
	need_mdev
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	guard
	races $((${FDPIN_LONG:-0} ? 6000 : 200)) --what sides --pci "$GROUP" --rounds $((${FDPIN_LONG:-0} ? 100000 : 300))
	local how
	for how in rounds free; do
		echo "# $how: of ${A[${how}_tries]} tries ${A[${how}_invalidated]} invalidated, ${A[${how}_joined]} joined, ${A[${how}_refused]} refused; nobody for ${A[${how}_stuck_ms]} ms at most" >&3
		same "both, other errors, not opened ($how)" "${A[${how}_both]} ${A[${how}_other]} ${A[${how}_unopened]}" "0 0 0"
		[ $((A[${how}_invalidated] + A[${how}_joined])) -gt 0 ]
		[ "${A[${how}_stuck_ms]}" -lt 10000 ]
	done
	same "afterwards" "${A[after_invalidate]} ${A[after_join]} ${A[after_unopened]}" "done done 0"
}

# Whoever reserves takes back, so nothing was to be reclaimed.
@test "all of it was counted, and told or said to be lost" {
	need_mdev
	unguard
	all_told_or_lost
	jq -en 'inputs | select(.type == "summary") | .reclaimed == 0 and .missed == 0 and .swept == 0 and .unwatched == 0' "$GUARD"
	same "got past" "$(counted mdev-vaddr not_prevented)" "$(jq -r 'select(.type == "summary") | .killed' "$GUARD")"
	echo "# $(jq -r 'select(.type == "summary") | "\(.rules[0].denied) denied, \(.overlaps) overlaps, \(.rules[0].not_prevented) not prevented, \(.no_room) for want of room, \(.lost) records lost"' "$GUARD")" >&3
}

