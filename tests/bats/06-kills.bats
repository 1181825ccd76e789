#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The guard is killed at its steps, as kill_at numbers them: while it starts, gives its links to systemd or pins them, is told to read its configuration
# again, ends, and is upgraded, while a program invalidates beside an mdev all the time. None of these tries may be let through after the first READY, which is
# the program's own count, and when one has started again there is one generation of programs. check-long kills it at every step, make check at some.

load helpers
load guard
load service

PINS=/sys/fs/bpf/fdpin-kills
PLAN=$BATS_FILE_TMPDIR/plan
STEPS=$BATS_FILE_TMPDIR/steps

setup() {
	need_blocking
	need_mdev
	"$fdpin" --version | grep -q '^libsystemd ' || skip "built without libsystemd"
	export FDPIN_RESTART=0.1
	touch "$STEPS" "$PLAN"
}
teardown() {
	[ -n "${BATS_TEST_COMPLETED-}" ] || tail -n 12 "$LOG" "$LOG.err" "$STEPS" "$GUARD" "$GUARD.err" >&2 2>/dev/null || true
	common_teardown
}
teardown_file() {
	load service
	service_teardown_file
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

# Of the steps in a file: the numbers of all of them, or where there is no time for that every so many of the first and the last of each kind (bpf by its command).
choose() { # FILE STRIDE
	if long; then
		sed -n 's/^step \([0-9]*\) .*/\1/p' "$1"
	else
		awk -v stride="$2" '$1 == "step" { kind = $3 ($3 == "bpf" || $3 == "sendmsg" ? substr($4, 1, 12) : ""); if (!(kind in first)) first[kind] = $2; last[kind] = $2 }
			END { for (k in first) { print first[k]; print last[k] } }' "$1" | sort -nu | awk -v stride="$2" 'NR % stride == 1 || stride == 1'
	fi
}

ready_again() { more '^message READY=1' "$1"; }
readies() { count '^message READY=1' || true; }

# It is restarted as systemd does after a crash, and killed at this step of its start; of these, all go one after the other, and then one comes up.
killed_at_start() { # N…
	local before ready
	before=$(kills)
	ready=$(readies)
	printf '%s\n' "$@" >"$PLAN"
	kill -KILL "$(service_pid)"
	ready_again "$ready"
	same "kills" "$(kills)" $((before + $#))
	same "the plan" "$(cat "$PLAN")" ""
}

@test "control: without a guard the same attack is let through" {
	attack_begins 1
	answers done # it has had the time of another act to try
	kill -TERM "$(cat "$BATS_FILE_TMPDIR/attack.pid")"
	wait_line '^attack_refused=' "$BATS_FILE_TMPDIR/attack"
	[ "$(sed -n 's/^attack_allowed=//p' "$BATS_FILE_TMPDIR/attack")" -gt 0 ]
	same "refused" "$(sed -n 's/^attack_refused=//p' "$BATS_FILE_TMPDIR/attack")" 0
}

@test "with what systemd keeps: killed at its steps of starting and of the hand-over, the next one takes over" {
	local n numbers
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	service "$progs/kill_at" "$PLAN" "$STEPS" "$fdpin" enforce --service --root "$BATS_FILE_TMPDIR/tree"
	note_generation
	attack_begins 1
	# once through, to see what there is; what comes after READY=1 is another test's
	n=$(readies)
	echo 0 >"$PLAN"
	kill -KILL "$(service_pid)"
	ready_again "$n"
	sed '/sendmsg READY=1/q' "$STEPS" >"$BATS_FILE_TMPDIR/start"
	[ "$(grep -c 'LINK_CREATE' "$BATS_FILE_TMPDIR/start")" = "$(cat "$BATS_FILE_TMPDIR/one-links")" ]
	grep 'sendmsg FDSTORE=1' "$BATS_FILE_TMPDIR/start"
	grep 'sendmsg FDSTOREREMOVE=1' "$BATS_FILE_TMPDIR/start"
	one_generation
	numbers=$(choose "$BATS_FILE_TMPDIR/start" 7)
	if long; then
		[ "$(wc -w <<<"$numbers")" -ge 40 ]
		for n in $numbers; do
			killed_at_start "$n"
			one_generation
		done
	else
		killed_at_start $numbers
		one_generation
	fi
	echo "# killed at $(kills) steps" >&3
	attack_ends
}

# The step at which it lets those of before go, when it has given its own.
lets_go() { awk '/^step [0-9]+ sendmsg FDSTORE=1/ { given = 1 } given && /^step [0-9]+ sendmsg FDSTOREREMOVE=1/ { print $2; exit }' "$1"; }

@test "killed between its links given to systemd and those of before let go, more often than systemd has room for: there is room" {
	local n m ready
	n=$(lets_go "$BATS_FILE_TMPDIR/start")
	attack_begins 1
	# from the second one on there are two generations, of which one goes first: once through, to see when that one would let go
	: >"$STEPS"
	ready=$(readies)
	printf '%s\n' "$n" 0 >"$PLAN"
	kill -KILL "$(service_pid)"
	ready_again "$ready"
	sed -n '/^killed/,$p' "$STEPS" >"$BATS_TEST_TMPDIR/two"
	m=$(lets_go "$BATS_TEST_TMPDIR/two")
	killed_at_start "$n" "$m" "$m" "$m" "$m"
	same "killed as they let go" "$(grep -c '^killed [0-9]* sendmsg FDSTOREREMOVE=1' "$STEPS")" 6
	one_generation
	same "kept by systemd" "$(sed -nE 's/^message READY=1 .* ([0-9]+) stored\]/\1/p' "$LOG" | tail -n 1)" "$(cat "$BATS_FILE_TMPDIR/one-links")"
	attack_ends
}

# What makes it go through steps that are not of its start: killed at the first, the second and so on, until it comes through them before its time has come; make check: at this one.
# It has come through if it says that it is ready, or ends by itself, before it is killed: from then on it makes steps of looking after things, and is killed at one of these, some time.
later_steps() { # COMMAND STEP
	local n at killed lines first
	for ((at = $(long && echo 1 || echo "$2"); at < 60; at++)); do
		n=$(readies)
		rm -f "$BATS_FILE_TMPDIR/from"
		echo "$at $BATS_FILE_TMPDIR/from" >"$PLAN"
		kill -KILL "$(service_pid)"
		ready_again "$n"
		killed=$(kills)
		n=$(readies)
		lines=$(wc -l <"$LOG")
		touch "$BATS_FILE_TMPDIR/from"
		$1
		ready_again "$n"
		first=$(tail -n +$((lines + 1)) "$LOG" | grep -m 1 -E '^ended|^message READY=1')
		[ "$first" = 'ended 9' ] || break
		same "kills" "$(kills)" $((killed + 1))
		one_generation
		long || break
	done
	echo "# $1: ended with step $at: $(grep '^killed' "$STEPS" | tail -n 1)" >&3
	if long; then
		[ "$at" -gt "$2" ]
		[ "$at" -lt 60 ]
		# one that nobody is going to kill
		n=$(readies)
		kill -KILL "$(service_pid)" || true
		ready_again "$n"
	else
		same "kills" "$(kills)" $((killed + 1))
	fi
}
# It may be dead already: at a step that it has made by itself.
hang_up() { kill -HUP "$(service_pid)" || true; }
restart() { signal_systemd USR1; }

@test "killed at its steps of reading the configuration again, and of ending as an upgrade has it" {
	attack_begins 1
	later_steps hang_up 4
	later_steps restart 8
	attack_ends
}

@test "upgrades, one after the other, some of them killed between their steps: one generation is left" {
	local i n at steps killed
	attack_begins 1
	steps=$(grep -c '^step' "$BATS_FILE_TMPDIR/start")
	killed=$(kills)
	for ((i = 1; i <= $(long && echo 100 || echo 3); i++)); do
		n=$(readies)
		if ((i % 3 == 0)); then
			at=$((1 + i * 37 % steps))
			echo "$at" >"$PLAN"
		fi
		signal_systemd USR1
		ready_again "$n"
	done
	[ "$(kills)" -gt "$killed" ]
	one_generation
	answers EBUSY
	attack_ends
}

@test "stopped, it is gone" {
	n=$(readies)
	signal_systemd TERM
	more '^ended 0' 0
	comes_to_answer done
}

# pinned N…: starts one after the other that are killed at these steps; 0: one that comes up
pinned() {
	local n
	for n; do
		echo "$n" >"$PLAN"
		: >"$GUARD"
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
	numbers=$(choose "$BATS_FILE_TMPDIR/start-pins" 9)
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
