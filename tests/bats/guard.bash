# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# guard.bash - the guard at work, for tests.
#
#   policy TEXT…		the configuration: each argument a line
#   guard [OPTION…]	starts fdpin-trace enforce with it, and waits until it guards; its lines are in $GUARD. One at a time; it stays over tests
#   enter /CGROUP		from here on the test and what it starts is there
#   unguard		ends it; its summary is in $GUARD, too
#   decisions RULE ACTION OP	how many of these it told about the act
#   counted RULE ACTION	how many it counted in all: denied, would_deny, not_prevented
#   all_told_or_lost	each decision that it counted was told, or said to be lost
#   answers ERRNO|done	what an invalidation beside an mdev comes to; comes_to_answer: after a while
#   oracle_begins [--watch]	from here on somebody looks whenever an act of the test asks for it, which "${ASK[@]}" lets it do; or all the time, too
#   oracle_ends	up to here; what it says of its looks is in the array LOOKS: looks, containers, both
#   asks ACT [OPTION…]	act_ends, and it asks
#   oracle_saw STATE WORD…	what its container was like after each of these
#   oracle_says STATE	what it is like now, of an act that stays; where that says as which file it has one, it may have more
#   attack_begins [COUNT], attack_ends	that all the time, so many of them as fast as it can, and none of it was let through

GUARD=$BATS_FILE_TMPDIR/guard.jsonl

policy() {
	mkdir -p "$BATS_FILE_TMPDIR/tree/etc/fdpin-trace"
	printf '%s\n' "$@" >"$BATS_FILE_TMPDIR/tree/etc/fdpin-trace/fdpin-trace.conf"
}

guard() {
	if guarded; then
		echo "the guard of an earlier test is still there" >&2
		return 1
	fi
	: >"$GUARD"
	(
		close_files
		exec ${GUARD_IN:+"${GUARD_IN[@]}"} "$fdpin" enforce -j --root "$BATS_FILE_TMPDIR/tree" "$@"
	) </dev/null >"$GUARD" 2>"$GUARD.err" &
	echo $! >"$GUARD.pid"
	wait_line '"type":"guard"|"error"' "$GUARD" 900 && grep -q '"type":"guard"' "$GUARD" || {
		cat "$GUARD" "$GUARD.err" >&2
		return 1
	}
}

guarded() { [ -e "$GUARD.pid" ] && kill -0 "$(cat "$GUARD.pid")" 2>/dev/null; }

# It need be no child of the test that ends it, so its end is looked for.
unguard() {
	local i
	kill -TERM "$(cat "$GUARD.pid")"
	wait_line '"type":"summary"' "$GUARD"
	for ((i = 0; i < 300; i++)); do
		guarded || return 0
		sleep 0.1
	done
	echo "the guard does not end" >&2
	return 1
}

guard_teardown() {
	[ -n "${BATS_TEST_COMPLETED-}" ] || tail -n 30 "$GUARD" "$GUARD.err" "$ORACLE" >&2 2>/dev/null || true
	[ -z "${ORACLE_PID-}" ] || kill -TERM "$ORACLE_PID" || true
	common_teardown
}

guard_teardown_file() { ! guarded || unguard; }

# Killed, and it has ended.
guard_dies() {
	local i
	kill -KILL "$(cat "$GUARD.pid")"
	for ((i = 0; i < 300; i++)); do
		guarded || return 0
		sleep 0.1
	done
	return 1
}

# What the guard says of itself when it is up.
guard_says() { jq -r "select(.type == \"guard\") | .$1" "$GUARD"; }

decisions() {
	jq -cn --arg r "$1" --arg a "$2" --arg o "$3" --argjson t "${A[tgid]}" \
		'[inputs | select(.type == "decision" and .tgid == $t and .rule == $r and .action == $a and .op == $o)] | length' "$GUARD"
}

# None at all about the act.
untouched() { same "decisions on the act" "$(jq -cn --argjson t "${A[tgid]}" '[inputs | select(.type == "decision" and .tgid == $t)] | length' "$GUARD")" 0; }

counted() { jq -rn --arg r "$1" --arg a "$2" 'inputs | select(.type == "summary") | .rules[] | select(.name == $r)[$a]' "$GUARD"; }

# An act that ends by itself; its words are in A.
act_ends() {
	act "$@"
	wait_line '^result=' "$BATS_TEST_TMPDIR/act.out"
	load_act
}

# Whatever is started from here on is in this control group, which is made if need be.
enter() {
	mkdir -p "/sys/fs/cgroup$1"
	echo "$BASHPID" >"/sys/fs/cgroup$1/cgroup.procs"
}

# With --what moves: one more try. In A[join_N]
try_join() { # N
	kill -USR1 "${A[tgid]}"
	wait_line "^join_$1=" "$BATS_TEST_TMPDIR/act.out"
	load_act
}

# exempt RULE TIME [OPTION…]: an exemption that the guard has taken; its file is in EXEMPTION
exempt() {
	local rule=$1 time=$2 n
	shift 2
	n=$(grep -c 'Exemption begins' "$GUARD.err" || true)
	EXEMPTION=$("$fdpin" enforce --root "$BATS_FILE_TMPDIR/tree" --exempt "$rule" --for "$time" --reason 'ticket 17' "$@")
	wait_lines $((n + 1)) 'Exemption begins' "$GUARD.err"
}

wait_lines() { # COUNT PATTERN FILE
	local i
	for ((i = 0; i < 600; i++)); do
		[ "$(grep -c "$2" "$3")" -lt "$1" ] || return 0
		sleep 0.1
	done
	echo "not $1 lines /$2/ in:" >&2
	cat "$3" >&2
	return 1
}

# In the summary of a guard that has ended: nothing was lost on the way.
nothing_lost() {
	jq -en 'inputs | select(.type == "summary") | .lost == 0 and .no_room == 0 and .missed == 0' "$GUARD"
}

# The same where there may be more of them than it gets to read: how fast it is must decide nothing.
all_told_or_lost() {
	local counted told lost said
	# the last line, and the others by a word of theirs: there are thousands
	counted=$(tail -n 1 "$GUARD" | jq '([.rules[] | .denied + .would_deny + .not_prevented + .exempt + .quarantined] | add) + .quarantines + .quarantines_over')
	lost=$(tail -n 1 "$GUARD" | jq .lost)
	told=$(grep -c '"type":"decision"' "$GUARD" || true)
	said=$(grep '"type":"lost"' "$GUARD" | jq -n '[inputs.count] | add // 0')
	same "told and lost" "$((told + lost))" "$counted"
	same "said to be lost" "$said" "$lost"
}

# An invalidation beside an mdev, taken back at once if it succeeds.
invalidation() {
	act_ends refused
	echo "${A[invalidate_with_mdev]}" >"$BATS_TEST_TMPDIR/answer"
}
answers() { invalidation && same "an invalidation beside an mdev" "$(cat "$BATS_TEST_TMPDIR/answer")" "$1"; }

# The same, where the kernel takes a moment: it lets go of a link from a worker, some time after the last descriptor of it was closed.
comes_to_answer() {
	local i
	for ((i = 0; i < 50; i++)); do
		invalidation
		[ "$(cat "$BATS_TEST_TMPDIR/answer")" = "$1" ] && return 0
		sleep 0.2
	done
	answers "$1"
}

# tests/progs/oracle has its own program in the kernel, and knows nothing of ours. A container with one range, and an mdev in it or none: as it was
# before anybody tried, and what it is for the time being where nobody refused.
STILL='invalid_count=0 invalid=0 ranges=1 emulated=1'
BOTH='invalid_count=1 invalid=1 ranges=1 emulated=1'
ALONE='invalid_count=0 invalid=0 ranges=1 emulated=0'
WINDOW='invalid_count=1 invalid=1 ranges=1 emulated=0'
ORACLE=$BATS_FILE_TMPDIR/oracle
ASK=(--oracle "$ORACLE.socket")

oracle_begins() {
	rm -f "$ORACLE"
	(
		close_files
		exec "$progs/oracle" --asked "$ORACLE.socket" "$@"
	) </dev/null >>"$ORACLE" 2>&1 &
	ORACLE_PID=$!
	wait_line '^ready|^oracle:' "$ORACLE" 900
	same "the oracle" "$(head -n 1 "$ORACLE")" ready
}

oracle_ends() {
	local pid=$ORACLE_PID word
	declare -gA LOOKS=()
	ORACLE_PID=
	kill -TERM "$pid"
	wait "$pid"
	for word in $(tail -n 1 "$ORACLE"); do LOOKS[${word%=*}]=${word#*=}; done
}

asks() {
	: >"$ORACLE" # of an act before
	act_ends "$@" "${ASK[@]}"
}

state_of() { "$progs/oracle" "$1" | sed -n "s/^container tgid=[0-9]* fd=${2-[0-9]*} \(.*\) groups=.*/\1/p"; } # TGID [FD]
oracle_says() { same "the oracle" "$(state_of "${A[tgid]}" "${A[container_fd]-[0-9]*}")" "$1"; }

oracle_saw() {
	local what state=$1
	shift
	for what; do
		same "seen after $what" "$(sed -n "s/^$what: container tgid=[0-9]* fd=[0-9]* \(.*\) groups=.*/\1/p" "$ORACLE")" "$state" || return 1
	done
}

# Invalidates beside an mdev again and again, while other things go on.
attack_begins() {
	: >"$BATS_FILE_TMPDIR/attack"
	(
		close_files
		exec "$progs/act_guard" --timeout 1200 --what attack --rounds "${1:-20000}"
	) </dev/null >"$BATS_FILE_TMPDIR/attack" 2>&1 &
	echo $! >"$BATS_FILE_TMPDIR/attack.pid"
	wait_line '^(ready|error=)' "$BATS_FILE_TMPDIR/attack" 900
	grep -q '^ready' "$BATS_FILE_TMPDIR/attack"
}

# It has tried all the time, and none was let through. One that was, but was told of an error, would not have been taken back.
attack_ends() {
	same "the container of the attack" "$(state_of "$(sed -n 's/^tgid=//p' "$BATS_FILE_TMPDIR/attack")")" "$STILL"
	kill -TERM "$(cat "$BATS_FILE_TMPDIR/attack.pid")"
	wait_line '^attack_refused=' "$BATS_FILE_TMPDIR/attack"
	cat "$BATS_FILE_TMPDIR/attack" >&3
	same "allowed" "$(sed -n 's/^attack_allowed=//p' "$BATS_FILE_TMPDIR/attack")" 0
	[ "$(sed -n 's/^attack_refused=//p' "$BATS_FILE_TMPDIR/attack")" -gt 0 ]
}
