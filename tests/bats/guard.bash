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
	(
		close_files
		exec "$fdpin" enforce -j --root "$BATS_FILE_TMPDIR/tree" "$@"
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
	[ -n "${BATS_TEST_COMPLETED-}" ] || tail -n 30 "$GUARD" "$GUARD.err" >&2 2>/dev/null || true
	common_teardown
}

guard_teardown_file() { ! guarded || unguard; }

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
