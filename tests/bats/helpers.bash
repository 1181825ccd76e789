# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# helpers.bash - what the tests in the VM are made of.
#
#   act NAME [OPTION…]	starts a program of tests/progs and waits until it is
#			ready; its key=value lines are in the array A
#   look		fdpin-trace status -j to $ST, and $ID, the container of
#			the act (found by the device's uuid, not by our verdict)
#   answer VERDICT	"yes/proven", "cannot-tell/likely", "no/none" for $ID
#   live_answer VERDICT	the same from the trace that runs all the time
#   undo		ends the act; what can be undone is undone
#
# The acts that hang stay hung: each takes a device of its own, and a test
# looks only at the container of its act.

top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
O=${O:-$top/build}
fdpin=$O/fdpin-trace
progs=$O/tests/progs
RUN=${FDPIN_RUN:-/tmp/fdpin-run}
LIVE=$RUN/live.jsonl
KERNEL=${FDPIN_KERNEL:?which row of tests/kernels is this}
ST=$BATS_TEST_TMPDIR/status.json

# bats notes where it is before each command, of helpers too, for when one fails: half of the time of a test goes there under emulation. It is
# enough to note it when one has failed. The three names are bats' own; with --trace it is left as it is.
if [ "${BATS_TRACE_LEVEL:-0}" = 0 ] && declare -F bats_setup_tracing bats_capture_stack_trace bats_error_trap >/dev/null; then
	note_failure() {
		bats_capture_stack_trace
		BATS_DEBUG_LAST_LINENO=() # of bats_error_trap(): what was noted now is it
		bats_error_trap
	}
	bats_setup_tracing() { trap note_failure ERR; }
fi

load_act() {
	local key value
	declare -gA A=()
	while IFS='=' read -r key value; do
		case $key in '' | *[!a-z_0-9]*) ;; *) A[$key]=${value:-1} ;; esac
	done <"$BATS_TEST_TMPDIR/act.out"
}

# Waits for a line of a file that matches; bounded, and shows the file when it never comes.
wait_line() {
	local i
	for ((i = 0; i < ${3:-300}; i++)); do
		grep -qE "$1" "$2" 2>/dev/null && return 0
		sleep 0.1
	done
	echo "no line /$1/ in $2:" >&2
	tail -n 40 "$2" >&2
	return 1
}

# A program that may hang for good must not have bats' own files: bats ends when the last of them is closed. Not to be called with a redirection, which
# bash takes back afterwards from a copy that is closed then.
close_files() {
	local fd
	for fd in /proc/"$BASHPID"/fd/*; do
		fd=${fd##*/}
		[ "$fd" -le 2 ] || eval "exec $fd>&-"
	done
}

declare -gA A=()
act() {
	local name=$1
	shift
	# What runs in the background empties its files when it comes to it, and who waits for a line would find one of before, or of who is about to end.
	rm -f "$BATS_TEST_TMPDIR/act.out"
	[ -n "${LIVE_BEFORE-}" ] || [ ! -e "$LIVE" ] || LIVE_BEFORE=$(wc -l <"$LIVE")
	(
		close_files
		exec "$progs/act_$name" --timeout 60 "$@"
	) </dev/null >"$BATS_TEST_TMPDIR/act.out" 2>&1 &
	ACT_PID=$!
	wait_line '^(ready|result=|refused=|error=)' "$BATS_TEST_TMPDIR/act.out" 900 || return 1
	load_act
	[ -z "${A[error]-}" ] || { echo "the act says: ${A[error]}" >&2; return 1; }
}

# An act that maps and unmaps and ends by itself, on every row; as words of a command in HARMLESS.
harmless() {
	HARMLESS=("$progs/act_plain" --timeout 60)
	[ "$FDPIN_MODULE" != none ] || HARMLESS=("$progs/act_pci" --timeout 60 --what cycle --pci "/dev/vfio/$(sed -n 1p "$RUN/pci-groups")")
}

undo() {
	[ -z "${ACT_PID-}" ] || kill -TERM "$ACT_PID" 2>/dev/null || true
	ACT_PID=
}

common_teardown() {
	[ -n "${BATS_TEST_COMPLETED-}" ] || {
		tail -n 40 "$BATS_TEST_TMPDIR/act.out" 2>/dev/null
		[ ! -s "$ST" ] || jq -c --arg id "${ID-}" '.gaps, (.containers[] | select(.id == $id)), (.verdicts[] | select(.subject == $id or .subject == null))' "$ST"
		for t in ${A[closer_tid]-} ${A[worker_tid]-}; do
			echo "-- stack of $t"
			cat "/proc/$t/stack" 2>/dev/null
		done
		true
	} >&2
	undo
}

# A recording from here on, of all that happens; and up to there.
record_begins() { # FILE
	: >"$BATS_TEST_TMPDIR/record.err"
	"$fdpin" record -o "$1" 2>"$BATS_TEST_TMPDIR/record.err" 3>&- 4>&- &
	RECORDER=$!
	wait_line recording "$BATS_TEST_TMPDIR/record.err"
}
record_ends() {
	kill -TERM $RECORDER
	wait $RECORDER
}

look() {
	"$fdpin" status -j >"$ST" || return 1
	container_of_act
}

container_of_act() {
	ID=$(jq -r --arg u "${A[uuid]}" '[.containers[] | select(any(.devices[]; .name == $u))][0].id // ""' "$ST")
	[ -n "$ID" ] || {
		echo "no container with device ${A[uuid]}" >&2
		return 1
	}
}

# answer/grade of a verdict on $ID; where there is none on it, what is said of the host
answer() {
	jq -r --arg n "$1" --arg id "$ID" '
		[.verdicts[] | select(.name == $n)] as $v
		| ([$v[] | select(.subject == $id)][0] // [$v[] | select(.subject == null)][0] // {answer: "no"})
		| "\(.answer)/\(.grade // "none")"' "$ST"
}

missing() {
	jq -r --arg id "$ID" '.verdicts[] | select(.subject == $id) | .missing[]' "$ST"
}

# Of the live trace: from the first act of this test on. The kernel makes a container where one has gone that an earlier test had, and its name is
# the same then; and jq would take its time with all lines of dozens of tests.
live_lines() { tail -n +"$((${LIVE_BEFORE:-0} + 1))" "$LIVE"; }

# $ID: the container in which the act has made an event of a type. Waits for it.
live_container() { # TYPE
	local i
	for ((i = 0; i < 300; i++)); do
		ID=$(jq -rn --arg type "$1" --argjson t "${A[tgid]}" 'first(inputs | select(.type == $type and .tgid == $t) | .container)' \
			< <(live_lines) 2>/dev/null) || true
		[ -z "$ID" ] || return 0
		sleep 0.1
	done
	echo "no $1 by ${A[tgid]} in the live trace" >&2
	return 1
}

# The last live verdict of a name on $ID; "no/none" if none was ever said.
live_answer() {
	jq -rn --arg n "$1" --arg id "$ID" '
		[inputs | select(.type == "verdict" and .name == $n and .container == $id)] | last
		| if . == null then "no/none" else "\(.answer)/\(if .level == "" then "none" else .level end)" end' < <(live_lines)
}

wait_live() { # VERDICT ANSWER
	local i
	for ((i = 0; i < 300; i++)); do
		[ "$(live_answer "$1")" = "$2" ] && return 0
		sleep 0.1
	done
	echo "live $1 is $(live_answer "$1"), not $2" >&2
	grep -F "\"$ID\"" "$LIVE" >&2 || true
	echo "-- the live trace: $(sed -n 's/^State:\t//p' "/proc/$(cat "$RUN/live.pid")/status"), its last words:" >&2
	cat "/proc/$(cat "$RUN/live.pid")/stack" >&2
	tail -n 2 "$LIVE" >&2
	tail -n 3 "$RUN/live.err" >&2
	return 1
}

# Live events of a type on $ID.
live_events() {
	jq -cn --arg t "$1" --arg id "$ID" 'inputs | select(.type == $t and .container == $id)' < <(live_lines)
}

# How often the kernel has said that it came to harm.
complaints() { dmesg | grep -cE 'WARNING:|BUG:|Oops|refcount_t|general protection' || true; }

same() { # WHAT GOT WANTED-PATTERN
	[[ $2 == $3 ]] || {
		echo "$1: got '$2', wanted '$3'" >&2
		return 1
	}
}

# Is a document what its schema says? The program that knows takes ten seconds to start in a VM: check-vm asks it when all tests are over, about what
# is kept here for it by the name of the test. Without FDPIN_VALID it is asked at once.
valid() { # [--lines] DOCUMENT|- SCHEMA
	local folder
	[ -n "${FDPIN_VALID-}" ] || { "$top/tests/validate" "$@"; return; }
	folder=$FDPIN_VALID/one
	[ "$1" != --lines ] || { folder=$FDPIN_VALID/lines; shift; }
	folder=$folder/${2##*/}
	mkdir -p "$folder"
	cat "$1" >"$(mktemp "$folder/test $BATS_SUITE_TEST_NUMBER of ${BATS_TEST_FILENAME##*/}, XXXXXX")"
}

# A proven deadlock, looked back and live alike, with every edge there.
proven_deadlock() {
	look
	same "deadlock" "$(answer deadlock)" yes/proven
	same "deadlocks on other containers of the act" "$(answer stall)" no/none
	jq -e --arg id "$ID" '.verdicts[] | select(.name == "deadlock" and .subject == $id)
		| (.evidence | length >= 4) and all(.evidence[]; .grade != "inferred")' "$ST" >/dev/null
	jq -e --arg id "$ID" --argjson w "${A[worker_tid]:-0}" --argjson c "${A[closer_tid]:-0}" '
		.verdicts[] | select(.name == "deadlock" and .subject == $id) | .sentence
		| (test("(^|[^0-9])\($w)([^0-9]|$)")) and ($c == 0 or test("(^|[^0-9])\($c)([^0-9]|$)"))' "$ST" >/dev/null
	wait_live deadlock yes/proven
}

# A stall, with a deadlock that is given as ANSWER/GRADE; live never a proven deadlock.
stalled() {
	look
	same "stall" "$(answer stall)" yes/proven
	same "deadlock" "$(answer deadlock)" "$1"
	[ "$(live_answer deadlock)" != yes/proven ]
}

# ---- what the rows of tests/kernels are, as they were built ----------------------

# Does it refuse the meeting of an mdev and an invalid vaddr? (in-vm knows)
refuses() { [ "$FDPIN_BLOCKS" = no ]; }

# Does the module of type1 stand by itself, or is everything built in?
builtin_vfio() { [[ $KERNEL == iommufd* ]]; }

# The kernel makes no difference to it that another row does not show: check-long runs it on all.
once_on() { # ROW…
	[ "${FDPIN_LONG:-0}" != 0 ] || [[ " $* " == *" $KERNEL "* ]] || skip "make check does it on $*, make check-long here too"
}

need_blocking() {
	! refuses || skip "row $KERNEL refuses the invalidation, so nothing can block"
}

need_refusal() {
	refuses || skip "row $KERNEL was built without the refusals"
}

# What some acts keep a call waiting by; the kernel that is built here from a configuration of ours has none.
need_userfaultfd() {
	[ -e /proc/sys/vm/unprivileged_userfaultfd ] || skip "row $KERNEL was built without userfaultfd"
}

need_mdev() {
	[ "$FDPIN_MODULE" != none ] || skip "row $KERNEL has no headers in the archive any more, so no mdev of ours"
}
