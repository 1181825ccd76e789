#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The service as it is installed, under a systemd that is PID 1 (check-vm boots these with --systemd), on a kernel that does not refuse by itself:
# started, reloaded, killed, frozen, started again, stopped, while a program invalidates beside an mdev again and again.

load helpers
load guard

UNIT=fdpin-trace.service
CONF=/etc/fdpin-trace/fdpin-trace.conf.d/50-test.conf

setup() {
	need_blocking
	need_mdev
	[ "$(cat /proc/1/comm)" = systemd ]
}
teardown() {
	[ -n "${BATS_TEST_COMPLETED-}" ] || {
		journalctl --no-pager -n 40 -o short-monotonic -u "$UNIT"
		systemctl show -p ActiveState,SubState,Result,NRestarts,NFileDescriptorStore,StatusText "$UNIT"
	} >&2
	sysctl -qw kernel.kptr_restrict=0
	common_teardown
}

state() { systemctl show --value -p "$1" "$UNIT"; }

# comes PROPERTY PATTERN: waits for it
comes() {
	local i
	for ((i = 0; i < 150; i++)); do
		[[ $(state "$1") == $2 ]] && return 0
		sleep 0.3
	done
	same "$1 of the unit" "$(state "$1")" "$2"
}

# The unit's journal, and a line of it, which may take a moment.
journal() { journalctl --no-pager -u "$UNIT" "$@"; }
tells() {
	local i
	for ((i = 0; i < 100; i++)); do
		journal | grep -E "$1" >/dev/null && return 0
		sleep 0.3
	done
	echo "the journal does not tell of /$1/" >&2
	return 1
}

@test "make install: what systemd needs is where it looks, the unit is in order, and exposed to 1.6 of 10 at most" {
	cp -a "$O"/tests/installed/* / # what make install has laid down there (check-vm)
	systemd-sysusers
	systemctl daemon-reload
	journalctl --update-catalog
	getent passwd fdpin-trace
	systemd-analyze verify "$UNIT"
	systemd-analyze security --no-pager --threshold=16 "$UNIT" | tail -n 1 >&3
	[ "$(state LoadState)" = loaded ]
}

@test "without the addresses of kernel symbols it does not become active" {
	sysctl -qw kernel.kptr_restrict=2
	! systemctl start "$UNIT"
	same "state" "$(state ActiveState) $(state ExecMainStatus)" "failed 78"
	tells 'symbol .* cannot be seen'
	systemctl reset-failed "$UNIT"
}

@test "started: active when it guards, as a user of its own; the denial is in the journal, explained" {
	systemctl start "$UNIT"
	answers EBUSY
	same "user" "$(ps -o user= -p "$(state MainPID)")" 'fdpin-tr*'
	same "capabilities" "$(sed -nE 's/^Cap(Inh|Prm|Eff|Amb):\t0*/\1=/p' "/proc/$(state MainPID)/status" | tr '\n' ' ')" "Inh= Prm=20 Eff=20 Amb= "
	[ "$(state NFileDescriptorStore)" -gt 0 ]
	comes StatusText '*1 denied*'
	journal -o json | jq -en 'any(inputs; .MESSAGE_ID == "b5a1f2a6d2554b3c8ef0a4d81b9f6a11" and .FDPIN_RULE == "mdev-vaddr")'
	journal -x | grep -q 'A call on a VFIO container was denied'
}

@test "openings until it has no place for more: in the journal, explained, and in its status until that is over" {
	(
		close_files
		for ((i = 0; i < 3000; i++)); do
			[ ! -e "$BATS_TEST_TMPDIR/seen" ] || break
			state StatusText
			sleep 0.2
		done
	) </dev/null >"$BATS_TEST_TMPDIR/status" 2>&1 &
	act_ends races --timeout 300 --what opening --pci "/dev/vfio/$(sed -n 1p "$RUN/pci-groups")" --rounds 2048
	same "openings" "${A[open_before]} ${A[held_open]} ${A[open_ended]}" "done EBUSY done"
	tells 'no room for more openings of a mediated device \(2048\): 1 call refused; '
	wait_line '; no room for more openings of a mediated device \(1 call refused\)$' "$BATS_TEST_TMPDIR/status"
	touch "$BATS_TEST_TMPDIR/seen"
	journal -o json | jq -en 'any(inputs; .MESSAGE_ID == "5fa8d0c4b1e94b6d9c37e20a86f1d35b" and .FDPIN_TABLE == "openings" and .FDPIN_COUNT == "1" and .PRIORITY == "4")'
	journal -x | grep 'The guard has no room for more'
	journal -x | grep 'What to do: look for a process with thousands of threads'
	tells 'room again for openings of a mediated device: 1 call refused meanwhile'
	comes StatusText '* records lost'
	same "messages" "$(journal -o json | jq -n '[inputs | select(.FDPIN_TABLE)] | length')" 2
}

# Of the name of a thread whoever calls has 15 bytes: what moves a cursor, writes a clipboard, ends a line, turns the
# direction of text, and is no text at all.
NAMES=($'\e[2J\e]52;c;eA\a' $'x\x9b31m\xc2\x9b1m' $'a\nMESSAGE=x\r' $'\xe2\x80\xaetxt\xe2\x81\xa6\xff\xfe' $'<0>%s%n\x7f\\\t')
TOLD=('\x1b[2J\x1b]52;c;eA\x07' 'x\x9b31m\xc2\x9b1m' 'a\x0aMESSAGE=x\x0d' '\xe2\x80\xaetxt\xe2\x81\xa6\xff\xfe' '<0>%s%n\x7f\\\x09')

@test "who is denied has a name that would write to a terminal, or another line: one entry each, in which it writes nothing" {
	local i k until
	for ((i = 0; i < ${#NAMES[@]}; i++)); do
		act_ends refused --comm "${NAMES[i]}"
		same "answer" "${A[invalidate_with_mdev]}" EBUSY
		for ((k = 0; k < 100; k++)); do
			journal -o json "OBJECT_PID=${A[tgid]}" >"$BATS_TEST_TMPDIR/entry.$i"
			[ ! -s "$BATS_TEST_TMPDIR/entry.$i" ] || break
			sleep 0.3
		done
		same "entries of $i" "$(wc -l <"$BATS_TEST_TMPDIR/entry.$i")" 1
		jq -e --arg name "${TOLD[i]}" --arg pid "${A[tgid]}" '
			(.MESSAGE | type == "string" and startswith("denied invalidate on vfio-") and endswith(" by \($name) [\($pid)]: rule mdev-vaddr, EBUSY"))
			and .MESSAGE_ID == "b5a1f2a6d2554b3c8ef0a4d81b9f6a11" and .OBJECT_PID == $pid and .FDPIN_COUNT == "1" and .PRIORITY == "4"
			and .FDPIN_RULE == "mdev-vaddr" and .FDPIN_ACTION == "denied" and .FDPIN_OP == "invalidate" and (.FDPIN_CONTAINER | startswith("vfio-"))
			and ([keys[] | select(startswith("FDPIN_"))] == ["FDPIN_ACTION", "FDPIN_CONTAINER", "FDPIN_COUNT", "FDPIN_OBJECT", "FDPIN_OP", "FDPIN_RULE"])
			and ([.[] | type] | unique == ["string"])' "$BATS_TEST_TMPDIR/entry.$i"
	done
	# of all that it ever said: nothing but lines of text, of no direction
	sleep 1
	until=$(date '+%F %T')
	journal -o cat --until "$until" >"$BATS_TEST_TMPDIR/cat"
	for ((i = 0; i < ${#NAMES[@]}; i++)); do grep -F -- "by ${TOLD[i]} [" "$BATS_TEST_TMPDIR/cat"; done
	same "bytes of a terminal" "$(LC_ALL=C grep -acP '[\x00-\x08\x0b-\x1f\x7f-\xff]' "$BATS_TEST_TMPDIR/cat" || true)" 0
	same "lines" "$(wc -l <"$BATS_TEST_TMPDIR/cat")" "$(journal -o json --until "$until" | wc -l)"
}

@test "more refusals than it can tell of while it is stopped: how many have no record is in its status and in the journal" {
	attack_begins
	kill -STOP "$(state MainPID)"
	act_ends guard --what storm --rounds 2000
	kill -CONT "$(state MainPID)"
	same "calls" "${A[attack_refused]} ${A[attack_allowed]}" "2000 0"
	tells '[0-9]+ records lost: '
	comes StatusText '*; [1-9]*([0-9]) records lost*'
	journal -o json | jq -en 'any(inputs; .MESSAGE_ID == "1f3c69385fcd41f98ec1ebe657e3995a" and (.FDPIN_COUNT | tonumber) > 0)'
	journal -x | grep -q 'Records of the guard were lost'
	same "state" "$(state ActiveState) $(state NRestarts)" "active 0"
}

@test "max-window: who opens a window is killed, another user's process too, though nothing else is left of its capabilities; his name writes nothing" {
	mkdir -p "${CONF%/*}"
	printf '%s\n' '[max-window]' 'action = deny' 'limit = 1s' >"$CONF"
	systemctl reload "$UNIT"
	act pci --timeout 300 --what invalid --pci "/dev/vfio/$(sed -n 1p "$RUN/pci-groups")" --comm "${NAMES[0]}"
	tells "max-window: killed \\\\x1b\\[2J\\\\x1b\\]52;c;eA\\\\x07 \\[${A[invalidator_tgid]}\\]"
	same "bytes of a terminal" "$(journal -o cat | LC_ALL=C grep -acP '[\x00-\x08\x0b-\x1f\x7f-\xff]' || true)" 0
	undo
	rm "$CONF"
	systemctl reload "$UNIT"
}

@test "reload: a wrong configuration is refused with file and line, a right one taken; no call is let through meanwhile" {
	mkdir -p "${CONF%/*}"
	printf '%s\n' '[mdev-vaddr]' 'acton = off' >"$CONF"
	systemctl reload "$UNIT"
	tells '50-test\.conf:2'
	printf '%s\n' '[strict]' 'action = monitor' >"$CONF"
	systemctl reload "$UNIT"
	comes StatusText '1 rule denying, 3 monitoring*'
	rm "$CONF"
	systemctl reload "$UNIT"
	comes StatusText '1 rule denying, 2 monitoring*'
	same "state" "$(state ActiveState) $(state NRestarts)" "active 0"
}

@test "killed: started again" {
	systemctl kill -s KILL "$UNIT"
	comes NRestarts 1
	comes ActiveState active
	[ "$(state NFileDescriptorStore)" -gt 0 ]
}

@test "frozen: systemd misses its signs of life, and starts it again" {
	kill -STOP "$(state MainPID)"
	comes NRestarts 2
	comes ActiveState active
}

# BPF takes memory from whose map it is, so that what its programs want while there is none they do not get.
oom_kills() { journalctl -k --no-pager | grep -c 'Memory cgroup out of memory' || true; }
eats_memory() { # in its control group
	(
		close_files
		echo "$BASHPID" >"/sys/fs/cgroup$(state ControlGroup)/cgroup.procs"
		exec dd if=/dev/zero of=/dev/null bs=400M count=1
	) </dev/null >/dev/null 2>&1
}

@test "out of memory, by another process in its control group, and by a limit below what it has: refused all the same, and it comes back" {
	local kills pid
	kills=$(oom_kills)
	pid=$(state MainPID)
	! eats_memory
	answers EBUSY
	[ "$(oom_kills)" -gt "$kills" ]
	# systemd ends what had somebody killed, and starts it again
	comes NRestarts 3
	comes ActiveState active
	[ "$(state MainPID)" != "$pid" ]
	answers EBUSY

	pid=$(state MainPID)
	kills=$(oom_kills)
	systemctl set-property --runtime "$UNIT" MemoryMax=1M MemorySwapMax=0
	comes MainPID "!($pid)"
	answers EBUSY
	[ "$(oom_kills)" -gt "$kills" ]
	# with no room to start in it does not get there, again and again
	comes NRestarts '@([5-9]|[1-9][0-9])'
	[ "$(state ActiveState)" != active ]
	answers EBUSY
	systemctl set-property --runtime "$UNIT" MemoryMax=256M MemorySwapMax=infinity
	comes ActiveState active
	tells 'left attached \([0-9]+ links\) guarded until now'
	answers EBUSY
}

@test "starved of the processor: refused all the same, and it goes on when it has some again" {
	local group
	group=/sys/fs/cgroup$(state ControlGroup)
	systemctl set-property --runtime "$UNIT" CPUQuota=1%
	for ((i = 0; i < 100; i++)); do
		[ "$(awk '/^nr_throttled/ { print $2 }' "$group/cpu.stat")" -lt 10 ] || break
		sleep 0.2
	done
	[ "$(awk '/^nr_throttled/ { print $2 }' "$group/cpu.stat")" -ge 10 ]
	answers EBUSY
	systemctl set-property --runtime "$UNIT" CPUQuota=
	answers EBUSY
	comes ActiveState active
}

@test "started again by hand, as an upgrade does" {
	pid=$(state MainPID)
	systemctl restart "$UNIT"
	comes ActiveState active
	[ "$(state MainPID)" != "$pid" ]
	answers EBUSY
}

@test "of what was tried all the time since it was active, nothing was allowed; the journal has it counted, not told one by one" {
	attack_ends
	journal -o json >"$BATS_TEST_TMPDIR/journal"
	jq -en '[inputs | select(.FDPIN_ACTION == "denied" and (.MESSAGE | test("act_guard"))) | .FDPIN_COUNT | tonumber]
		| length < 200 and max > 1000' "$BATS_TEST_TMPDIR/journal"
}

# More often than systemd starts a unit in a while by itself.
@test "killed eleven times, one after the other: refused all the time, and it comes back" {
	local i pid
	attack_begins
	for ((i = 0; i < 11; i++)); do
		pid=$(state MainPID)
		kill -KILL "$pid"
		comes MainPID "!($pid|0)"
	done
	comes ActiveState active
	answers EBUSY
	attack_ends
}

# kill_at takes the place of the command that systemd starts, and becomes it; it needs a few rights more than the guard has. Of its steps make check takes some.
@test "killed at steps of its start: systemd starts the next one, and of what is tried meanwhile nothing is let through" {
	local dir=/var/lib/fdpin-kills dropin=/etc/systemd/system/$UNIT.d numbers killed
	install -d -o fdpin-trace "$dir" "$dropin"
	install -o fdpin-trace /dev/null "$dir/plan"
	install -o fdpin-trace /dev/null "$dir/steps"
	install "$progs/kill_at" /usr/local/bin
	cat >"$dropin/kills.conf" <<-END
		[Service]
		ExecStart=
		ExecStart=/usr/local/bin/kill_at $dir/plan $dir/steps $(systemctl cat "$UNIT" | sed -n 's/^ExecStart=//p')
		RestartSec=100ms
		ReadWritePaths=$dir
		AmbientCapabilities=CAP_SYS_PTRACE
		CapabilityBoundingSet=CAP_SYS_PTRACE
		SystemCallFilter=@debug seccomp
	END
	systemctl daemon-reload
	systemctl restart "$UNIT"
	attack_begins
	# once through, to see what there is
	echo 0 >"$dir/plan"
	systemctl restart "$UNIT"
	sed -n '/sendmsg READY=1/q; s/^step \([0-9]*\) .*/\1/p' "$dir/steps" >"$BATS_TEST_TMPDIR/start"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/start")" -gt 40 ]
	numbers=$(awk -v stride="$((${FDPIN_LONG:-0} ? 1 : 20))" 'NR % stride == 0' "$BATS_TEST_TMPDIR/start")
	: >"$dir/steps"
	printf '%s\n' $numbers 0 >"$dir/plan"
	systemctl kill -s KILL "$UNIT"
	for ((i = 0; i < $((${FDPIN_LONG:-0} ? 6000 : 900)); i++)); do
		grep -q 'READY=1' "$dir/steps" && break
		sleep 0.3
	done
	comes ActiveState active
	killed=$(sed -n 's/^killed \([0-9]*\) .*/\1/p' "$dir/steps")
	same "killed at" "$killed" "$numbers"
	same "the plan" "$(cat "$dir/plan")" ""
	answers EBUSY
	attack_ends
	echo "# killed at $(wc -w <<<"$killed") of $(wc -l <"$BATS_TEST_TMPDIR/start") steps" >&3
	rm "$dropin/kills.conf"
	systemctl daemon-reload
	systemctl restart "$UNIT"
}

@test "stopped: it is gone, and says so" {
	systemctl stop "$UNIT"
	same "state" "$(state ActiveState) $(state NFileDescriptorStore)" "inactive 0"
	comes_to_answer done
}

@test "with the rule protect: started again when it is killed, reloaded, started again by hand and stopped, as without" {
	local pid
	grep -qw bpf /sys/kernel/security/lsm || skip "the BPF LSM is not on here"
	mkdir -p "${CONF%/*}"
	printf '%s\n' '[protect]' 'action = deny' >"$CONF"
	systemctl start "$UNIT"
	attack_begins
	pid=$(state MainPID)
	! bpftool map dump id "$(sed -n 's/^map_id:[[:blank:]]*//p' /proc/"$pid"/fdinfo/* | head -n 1)"
	tells 'denied get-map [0-9]+ by bpftool \[[0-9]+\]: rule protect, EPERM'
	journal -x | grep 'Somebody wanted to get at the guard itself'
	systemctl kill -s KILL "$UNIT"
	comes MainPID "!($pid|0)"
	comes ActiveState active
	tells 'left attached \([0-9]+ links\) guarded until now'
	answers EBUSY
	systemctl reload "$UNIT"
	systemctl status --no-pager "$UNIT" | grep 'enforce --service'
	pid=$(state MainPID)
	systemctl restart "$UNIT"
	comes ActiveState active
	[ "$(state MainPID)" != "$pid" ]
	"$progs/act_protect" reach "$(state MainPID)" >"$BATS_TEST_TMPDIR/reach"
	grep -x 'map=EPERM' "$BATS_TEST_TMPDIR/reach"
	grep -x 'getfd=EPERM' "$BATS_TEST_TMPDIR/reach"
	attack_ends
	systemctl stop "$UNIT"
	same "state" "$(state ActiveState) $(state NFileDescriptorStore)" "inactive 0"
	comes_to_answer done
	rm "$CONF"
}

# What the page says is what is tried; systemd does not start it again, so it keeps no descriptors either.
@test "with pins as the page has it: killed for good, it refuses on; started, it takes over; stopped, they are gone" {
	dropin=/etc/systemd/system/$UNIT.d
	mkdir -p "$dropin"
	sed -n '/^\[Service\]$/,/^```$/{/^```$/!p}' "$top/man/fdpin-trace-enforce.8.scd" | sed "s|/usr/sbin/fdpin-trace|$(systemctl cat "$UNIT" | sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p')|" >"$dropin/pins.conf"
	printf '[Service]\nRestart=no\n' >"$dropin/test.conf"
	grep -- '--pin=' "$dropin/pins.conf"
	systemctl daemon-reload
	systemctl start "$UNIT"
	pins=$(find /sys/fs/bpf/fdpin-trace -type f -path '*/guard-*')
	[ "$(wc -l <<<"$pins")" -gt 5 ]
	attack_begins
	same "their user" "$(stat -c %U $pins | sort -u)" fdpin-trace
	rm -r /sys/fs/bpf/fdpin-trace/guard-*
	tells 'pins in /run/fdpin-trace-pins: there again'
	journal -x | grep 'The guard is pinned again'
	systemctl kill -s KILL "$UNIT"
	comes ActiveState failed
	same "kept by systemd" "$(state NFileDescriptorStore)" 0
	answers EBUSY
	systemctl start "$UNIT"
	tells 'left pinned guarded until now'
	same "generations" "$(find /sys/fs/bpf/fdpin-trace -mindepth 1 -maxdepth 1 | wc -l)" 1
	answers EBUSY
	attack_ends
	systemctl stop "$UNIT"
	same "pins" "$(find /sys/fs/bpf/fdpin-trace -type f)" ""
	comes_to_answer done
}
