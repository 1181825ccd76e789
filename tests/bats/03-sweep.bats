#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What is so although the guard has seen no call that made it so: before it was there, and while the call's answer is kept waiting. Told once,
# and dealt with as the policy says; what is fine beside it is left alone. Acts and guards stay over tests: to start them is what takes time.
# Before the files that leave such a state behind.

load helpers
load guard

GROUP=/dev/vfio/$(sed -n 1p "$RUN/pci-groups")

setup() {
	need_mdev
	[[ $BATS_TEST_DESCRIPTION == *'on any kernel' ]] || need_blocking
}
teardown() { guard_teardown; }
teardown_file() {
	load guard
	local pid
	guard_teardown_file
	for pid in "$BATS_FILE_TMPDIR"/*.act; do
		[ ! -e "$pid" ] || kill -TERM "$(cat "$pid")" 2>/dev/null || true
	done
	rm -rf /sys/fs/bpf/fdpin-trace
}

# One of several acts, by what it does.
begins() { # WHAT [OPTION…]
	act swept --timeout 240 --what "$@"
	mv "$BATS_TEST_TMPDIR/act.out" "$BATS_FILE_TMPDIR/$1.out"
	echo "$ACT_PID" >"$BATS_FILE_TMPDIR/$1.act"
	ACT_PID=
}
of() { # WHAT: its words are in A, its container is $ID
	cp "$BATS_FILE_TMPDIR/$1.out" "$BATS_TEST_TMPDIR/act.out"
	load_act
	ID=$(cat "$BATS_FILE_TMPDIR/$1.id" 2>/dev/null || true)
}
goes_on() { # WHAT KEY: lets the actor go on until it has said that
	of "$1"
	kill -USR1 "${A[tgid]}"
	wait_line "^$2=" "$BATS_FILE_TMPDIR/$1.out"
	of "$1"
}
# The container of an act, by what the guard says of it: to ask status takes as long as all the rest.
is_in() { # WHAT LINE-WITH-ID
	ID=$(sed -n "s/$2/\1/p" "$GUARD.err" | sort -u)
	same "the container of $1" "$ID" 'vfio-+([0-9a-f])'
	echo "$ID" >"$BATS_FILE_TMPDIR/$1.id"
}
is_waited() { # WHAT
	wait_line 'nobody is killed who has vfio-[0-9a-f]* open: a thread waits' "$GUARD.err"
	is_in "$1" '.*nobody is killed who has \(vfio-[0-9a-f]*\) open: a thread waits.*'
}
was_killed() { is_in "$1" ".*killed act_swept .${A[past_tgid]}., which had \(vfio-[0-9a-f]*\) open"; }
over() { # WHAT
	kill -TERM "$(cat "$BATS_FILE_TMPDIR/$1.act")" 2>/dev/null || true
	rm "$BATS_FILE_TMPDIR/$1.act"
}

said() { # WORD…
	local what
	for what; do printf '%s=%s ' "$what" "${A[$what]-}"; done
}
# The decisions on the act's container: [who, what came of it, by which call] each.
told() { jq -cn --arg id "$ID" '[inputs | select(.type == "decision" and .container == $id) | [.tgid, .comm, .action, .op]]' "$GUARD"; }
FOUND='[0,"","not-prevented","sweep"]' BEGINS='[0,"","quarantine-begins","sweep"]'
literal() { sed 's/[][\\]/\\&/g' <<<"$1"; }
counted_all() { jq -r 'select(.type == "summary") | "\(.rules[0].not_prevented) \(.swept) \(.killed) \(.quarantines) \(.quarantines_over)"' "$GUARD"; }
fine() { same "on another container" "$(said "$1_other_info" "$1_other_device" "$1_other_map")" "$1_other_info=done $1_other_device=done $1_other_map=done "; }
need_long() { [ "${FDPIN_LONG:-0}" != 0 ] || skip "make check-long does it"; }

# A mediated device with nothing invalid beside it, an invalid range with no mediated device beside it.
@test "nothing to be found: nobody is killed, nothing is told, and where the kernel refuses by itself it looks at its start alone: on any kernel" {
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	act pci --timeout 300 --what invalid --pci "$GROUP"
	guard -vv
	attack_begins 1
	if refuses; then
		sleep 5
		same "looks" "$(grep -c ' look [0-9]*: ' "$GUARD.err")" 1
	else
		wait_lines 4 ' look [0-9]*: ' "$GUARD.err"
	fi
	kill -0 "${A[invalidator_tgid]}"
	attack_ends
	unguard
	same "told of" "$(jq -cn '[inputs | select(.type == "decision") | [.comm, .action, .op]] | unique' "$GUARD")" '\[\["act_guard","denied","invalidate"\]\]'
	same "counted" "$(counted_all)" "0 0 0 0 0"
}

@test "what was so before the guard: one that monitors tells each once, and everybody lives" {
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	begins held --pins 140
	begins waited
	begins parked
	guard --monitor
	wait_lines 3 '"op":"sweep"' "$GUARD"
	unguard
	same "told" "$(jq -cn '[inputs | select(.type == "decision") | [.tgid, .comm, .action, .op]]' "$GUARD")" "$(literal "[$FOUND,$FOUND,$FOUND]")"
	same "of" "$(jq -n '[inputs | select(.type == "decision") | .container] | unique | length' "$GUARD")" 3
	same "said of" "$(grep -o 'vfio-[0-9a-f]*, by no call that was seen' "$GUARD.err" | sort -u | wc -l)" 3
	of held
	[ -e "/proc/${A[past_tgid]}/fd/${A[container_fd]}" ]
	same "counted" "$(counted_all)" "3 3 0 0 0"
	nothing_lost
	valid --lines "$GUARD" "$top/dist/fdpin-trace-enforce.schema.json"
}

# Those of held are more than it can name at a time.
@test "one that denies kills all who have it, unless a thread waits for the address; all of it is in quarantine, and nothing else" {
	guard --pin
	# by the time that it says that it guards
	of held
	was_killed held
	same "killed" "$(grep -c "mdev-vaddr: killed act_swept \[[0-9]*\], which had $ID open" "$GUARD.err")" 141
	wait_line "\"container\":\"$ID\".*quarantine-ends" "$GUARD"
	same "told" "$(told | jq -c '.[:2]')" "$(literal "[$FOUND,$BEGINS]")"
	goes_on held now
	same "killed" "${A[now_past]}" Killed
	fine now
	over held
	of waited
	is_in waited '.*nobody is killed who has \(vfio-[0-9a-f]*\) open: a thread waits.*'
	same "told" "$(told)" "$(literal "[$FOUND,$BEGINS]")"
	goes_on waited now
	same "lives" "${A[now_past]}" lives
	goes_on waited over
	same "it makes it valid, and the thread goes on" "$(said free_past free_waited)" "free_past=ended free_waited=0 "
	over waited
	of parked
	is_in parked '.*nobody was killed for the state of \(vfio-[0-9a-f]*\): no process.*'
	same "told" "$(told)" "$(literal "[$FOUND,$BEGINS]")"
}

# What it finds while it guards: the return of the call, at which the rest is done, does not come.
@test "a call that got past, and whose answer is kept waiting, is found out all the same, and who made it is killed" {
	begins unanswered --rounds 1000000
	goes_on unanswered past
	wait_line "killed act_swept .${A[past_tgid]}." "$GUARD.err"
	was_killed unanswered
	wait_line "\"container\":\"$ID\".*quarantine-ends" "$GUARD"
	# the return of another call of its has told it: the one that it made to see whether it has got past
	same "not prevented" "$(told | jq -c '[.[] | select(.[2] == "not-prevented" or .[2] == "quarantine-begins")]')" \
		"$(literal "[[${A[past_tgid]},\"act_swept\",\"not-prevented\",\"invalidate\"],$BEGINS]")"
	goes_on unanswered now
	same "killed" "${A[now_past]}" Killed
	fine now
	over unanswered
}

# Its end would close the device first, and wait for the thread that waits for it.
@test "one that got past, and a thread waits for the address by then: nobody is killed, neither at once nor when the call comes back" {
	begins blocked --rounds 1000000
	goes_on blocked past
	is_waited blocked
	goes_on blocked now
	same "lives" "${A[now_past]}" lives
	goes_on blocked over
	same "it makes it valid, and the thread goes on" "$(said free_past free_waited)" "free_past=ended free_waited=0 "
	over blocked
}

# Between the two nothing comes back: only the beginning of the call that restores can see it.
@test "a call that got past and is undone by the next call of all before it comes back: told, and who made it is killed" {
	local i
	begins undone --rounds 1000000
	goes_on undone past
	wait_line "\"tgid\":${A[past_tgid]},.*\"not-prevented\"" "$GUARD"
	for ((i = 0; i < 300; i++)); do
		grep -q '^State:[[:space:]]*Z' "/proc/${A[past_tgid]}/status" && break
		sleep 0.1
	done
	goes_on undone now
	same "killed" "${A[now_past]}" Killed
	same "told" "$(jq -cn --argjson tgid "${A[past_tgid]}" '[inputs | select(.type == "decision" and .tgid == $tgid and .action != "denied") | [.action, .op]]' "$GUARD")" \
		"$(literal '[["not-prevented","invalidate"]]')"
	fine now
	over undone
}

@test "a guard that dies: what it has in quarantine is in that of the next one, until the range is restored" {
	guard_dies
	guard --pin
	goes_on parked now
	same "calls" "$(said now_info now_device now_invalidate)" "now_info=EBUSY now_device=EBUSY now_invalidate=EBUSY "
	fine now
	same "told by the next one" "$(told | jq -c '.[:2]')" "$(literal "[$FOUND,$BEGINS]")"
	goes_on parked over
	same "freed" "$(said free_restore free_info free_device)" "free_restore=done free_info=done free_device=done "
	fine free
	wait_line "quarantine-ends.*revalidate" "$GUARD"
	unguard
	same "counted" "$(counted_all)" "1 1 0 1 1"
	over parked
}

@test "a call that is told when it is made, and whose answer is kept waiting, got past once" {
	need_long
	guard --monitor
	begins declared --rounds 1
	goes_on declared past
	wait_line '"op":"sweep"' "$GUARD"
	goes_on declared now
	same "lives" "${A[now_past]}" lives
	goes_on declared over
	same "it makes it valid" "${A[free_past]}" ended
	over declared
	unguard
	same "told" "$(jq -cn '[inputs | select(.type == "decision") | [.action, .op]]' "$GUARD")" "$(literal '[["would-deny","invalidate"],["not-prevented","sweep"]]')"
	same "counted" "$(counted_all)" "1 1 0 0 0"
}

@test "whom the rule may not be for is told of, and no more; contain says whether anybody is killed, or in quarantine" {
	need_long
	local what conf killed
	for what in scope exempt none kill; do
		conf=('[mdev-vaddr]' 'action = deny' 'sticky = no') killed=lives
		case $what in
		scope) conf+=('uid = 64055') ;;
		none) conf+=('contain = none') ;;
		kill) conf+=('contain = kill') killed=Killed ;;
		esac
		policy "${conf[@]}"
		[ "$what" != exempt ] || EXEMPTION=$("$fdpin" enforce --root "$BATS_FILE_TMPDIR/tree" --exempt mdev-vaddr --for 1h --reason 'ticket 17' --pid $$)
		begins held
		guard
		wait_line '"op":"sweep"' "$GUARD"
		[ "$what" != kill ] || wait_line "killed act_swept .${A[past_tgid]}." "$GUARD.err"
		goes_on held now
		same "$what" "${A[now_past]}" $killed
		goes_on held over
		over held
		unguard
		same "told ($what)" "$(jq -cn '[inputs | select(.type == "decision") | [.tgid, .comm, .action, .op]]' "$GUARD")" "$(literal "[$FOUND]")"
		same "counted ($what)" "$(counted_all)" "1 1 $([ $killed = lives ] && echo 0 || echo 1) 0 0"
		[ "$what" != exempt ] || rm "$EXEMPTION"
	done
}

@test "max-window: who opened a window that a thread waits in is not killed: he alone can end it" {
	policy '[mdev-vaddr]' 'action = off' '[max-window]' 'action = deny' 'limit = 5s'
	guard
	begins waited
	wait_line 'max-window: nobody was killed for a window that is open for too long: a thread waits for the address already' "$GUARD.err"
	goes_on waited now
	same "lives" "${A[now_past]}" lives
	goes_on waited over
	same "it makes it valid, and the thread goes on" "$(said free_past free_waited)" "free_past=ended free_waited=0 "
	over waited
	unguard
	same "told" "$(jq -cn '[inputs | select(.type == "decision") | [.rule, .action]]' "$GUARD")" "$(literal '[["max-window","not-prevented"]]')"
}
