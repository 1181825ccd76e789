# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# service.bash - a service under notify.py, which does what systemd does, for tests.
#
#   service COMMAND…	starts it, and waits until it says that it is ready; what it and notify.py say is in $LOG and $LOG.err
#   service_pid		its process
#   count PATTERN, more PATTERN N	how many lines of $LOG match; waits until more than N do
#   signal_systemd SIGNAL	to notify.py, which says what they mean

LOG=$BATS_FILE_TMPDIR/service.log

service_pid() { sed -n 's/^started //p' "$LOG" | tail -n 1; }
count() { grep -cE "$1" "$LOG"; }

# more LINE COUNT: waits until there are more of these
more() {
	local i
	for ((i = 0; i < 600; i++)); do
		[ "$(count "$1")" -gt "$2" ] && return 0
		sleep 0.1
	done
	echo "no more of /$1/ in:" >&2
	cat "$LOG" "$LOG.err" >&2
	return 1
}

service() {
	local n
	touch "$LOG"
	n=$(count '^message READY=1' || true)
	(
		close_files
		exec "$BATS_TEST_DIRNAME/notify.py" "$LOG" "$@"
	) </dev/null >>"$LOG.err" 2>&1 &
	echo $! >"$BATS_FILE_TMPDIR/notify.pid"
	more '^message READY=1' "$n"
}
signal_systemd() { kill "-$1" "$(cat "$BATS_FILE_TMPDIR/notify.pid")"; }
service_teardown_file() { [ ! -e "$BATS_FILE_TMPDIR/notify.pid" ] || kill "$(cat "$BATS_FILE_TMPDIR/notify.pid")" 2>/dev/null || true; }
