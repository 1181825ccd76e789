#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The guard as a service: it says when it guards, goes on with the last good policy, gives signs of life that mean something, and its refusals outlive it.
# On the kernels that do not refuse by themselves, so that a refusal is the guard's. What systemd does is done by notify.py.

load helpers
load guard
load service

setup() {
	need_blocking
	need_mdev
	"$fdpin" --version | grep -q '^libsystemd ' || skip "built without libsystemd"
}
teardown() {
	[ -n "${BATS_TEST_COMPLETED-}" ] || tail -n 12 "$LOG" "$LOG.err" >&2
	common_teardown
}
teardown_file() {
	load service
	service_teardown_file
}

@test "it says that it is ready when it is, and refuses from then on; its links are in the store" {
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	service "$fdpin" enforce --service --pin=/sys/fs/bpf/fdpin-service --root "$BATS_FILE_TMPDIR/tree"
	[ "$(count '^message FDSTORE=1 .*[1-9][0-9]* stored')" = 1 ]
	grep -q 'STATUS=1 rule denying' "$LOG"
	answers EBUSY
	more 'STATUS=.*; 1 denied' 0
}

# CAP_KILL is number 5.
@test "ready, it has no capability but to kill, and can get none" {
	same "sets" "$(sed -nE 's/^Cap(Inh|Prm|Eff|Bnd|Amb):\t0*/\1=/p' "/proc/$(service_pid)/status" | tr '\n' ' ')" "Inh= Prm=20 Eff=20 Bnd=20 Amb= "
	grep -qP '^NoNewPrivs:\t1$' "/proc/$(service_pid)/status"
	# so what it does from here on it does without
	same "for others bpf is" "$(cat /proc/sys/kernel/unprivileged_bpf_disabled)" 2
}

@test "reload: a wrong configuration changes nothing, a right one holds at once" {
	policy '[mdev-vaddr]' 'action = dney'
	kill -HUP "$(service_pid)"
	more '^message READY=1' 1
	wait_line 'fdpin-trace.conf:2' "$LOG.err"
	answers EBUSY
	policy '[mdev-vaddr]' 'action = monitor' 'sticky = no'
	kill -HUP "$(service_pid)"
	more '^message READY=1' 2
	answers done
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no' 'cgroup = nobody-*.scope'
	kill -HUP "$(service_pid)"
	more '^message READY=1' 3
	answers done
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	kill -HUP "$(service_pid)"
	more '^message READY=1' 4
	answers EBUSY
}

# reload LINE…: with this configuration, which holds then
reload() {
	local n
	n=$(count '^message READY=1')
	policy "$@"
	kill -HUP "$(service_pid)"
	more '^message READY=1' "$n"
}
past_again() {
	kill -USR1 "${A[tgid]}"
	wait_line "^again$1=" "$BATS_TEST_TMPDIR/act.out"
	load_act
	same "now" "${A[again$1_info]} ${A[again$1_map]} ${A[again$1_device]} ${A[again$1_open]}" "$2"
}

@test "quarantine: it refuses as long as the rule denies and contain says so; the status has it" {
	act past --rounds 1000000 --timeout 240 --pins 3
	same "past" "${A[past]} ${A[now_info]} ${A[now_map]} ${A[now_device]} ${A[now_open]}" "killed EBUSY EBUSY EBUSY EBUSY"
	more 'STATUS=.*; in quarantine: 1;' 0
	reload '[mdev-vaddr]' 'action = monitor' 'sticky = no'
	past_again 1 "done done done done"
	reload '[mdev-vaddr]' 'action = deny' 'sticky = no' 'contain = kill'
	# by the rule itself no mdev is opened beside an address that is invalid
	past_again 2 "done done done EBUSY"
	reload '[mdev-vaddr]' 'action = deny' 'sticky = no'
	past_again 3 "EBUSY EBUSY EBUSY EBUSY"
	kill -USR1 "${A[tgid]}"
	wait_line '^over=' "$BATS_TEST_TMPDIR/act.out"
	load_act
	same "freed" "${A[free_call]} ${A[free_info]} ${A[free_map]} ${A[free_open]}" "done done done done"
	more 'STATUS=.*; in quarantine: 0;' 0
	undo
}

@test "max-window: windows of before it was switched on are found, and who opens one is killed" {
	local group would
	would=$(sed -nE 's/.* ([0-9]+) would have been.*/\1/p' "$LOG" | tail -n 1)
	group=/dev/vfio/$(sed -n 1p "$RUN/pci-groups")
	act pci --timeout 300 --what invalid --pci "$group"
	reload '[mdev-vaddr]' 'action = deny' 'sticky = no' '[max-window]' 'action = monitor' 'limit = 1s'
	more "STATUS=.*, $((would + 1)) would have been" 0
	undo
	reload '[mdev-vaddr]' 'action = deny' 'sticky = no' '[max-window]' 'action = deny' 'limit = 1s'
	act pci --timeout 300 --what invalid --pci "$group"
	wait_line "max-window: killed act_pci \\[${A[invalidator_tgid]}\\]" "$LOG.err"
	undo
	! grep 'max-window: addresses\|cannot be told from' "$LOG.err"
	reload '[mdev-vaddr]' 'action = deny' 'sticky = no'
}

@test "signs of life come, and do not when its records cannot" {
	more WATCHDOG=1 "$(count WATCHDOG=1)"
	kill -STOP "$(service_pid)"
	before=$(count WATCHDOG=1)
	sleep 5
	[ "$(count WATCHDOG=1)" = "$before" ]
	answers EBUSY
	kill -CONT "$(service_pid)"
	more WATCHDOG=1 "$before"
}

@test "its pins: removed, they are pinned anew; unmounted, the status has it" {
	[ "$(find /sys/fs/bpf/fdpin-service -type f | wc -l)" -gt 5 ]
	rm -r /sys/fs/bpf/fdpin-service/guard-*
	for ((i = 0; i < 300; i++)); do
		[ -z "$(find /sys/fs/bpf/fdpin-service -type f -path '*/guard-*')" ] || break
		sleep 0.1
	done
	[ "$(find /sys/fs/bpf/fdpin-service -type f | wc -l)" -gt 5 ]
	umount -l /sys/fs/bpf
	more 'STATUS=.*; degraded: pins are gone' 0
	answers EBUSY
}

@test "what systemd keeps: taken away, it is given to it again; where it takes nothing and there are no pins, the status says so, and there are no signs of life" {
	local n signs
	# emptied once
	n=$(count '^message FDSTORE=1')
	signal_systemd HUP
	more '^message FDSTORE=1 .*[1-9][0-9]* stored' "$n"
	answers EBUSY
	# and for good
	signal_systemd USR2
	more 'STATUS=.*; degraded: nothing keeps it attached if its process dies' 0
	wait_line 'nothing would if it died.*It is not told that all is well' "$LOG.err"
	signs=$(count WATCHDOG=1)
	n=$(grep -c 'It is not told' "$LOG.err")
	wait_lines $((n + 2)) 'It is not told' "$LOG.err"
	same "signs of life meanwhile" "$(count WATCHDOG=1)" "$signs"
	answers EBUSY
	# again there where it is taken; that is tried seldom by now, if it was not before
	signal_systemd USR2
	more WATCHDOG=1 "$signs"
	same "status" "$(grep -o 'STATUS=.*' "$LOG" | tail -n 1)" '*; degraded: pins are gone *'
	answers EBUSY
}

# By what systemd has: the pins are gone with their bpffs, and there is no other one where they could be.
@test "killed: what it refused is refused on, the next one takes over without a gap" {
	local n
	n=$(count '^message READY=1')
	kill -KILL "$(service_pid)"
	more '^ended 9' 0
	answers EBUSY
	more 'FDSTOREREMOVE=1' 0
	more '^message READY=1' "$n"
	answers EBUSY
	[ "$(count '^started')" = 2 ]
	wait_line 'it guards without pins' "$LOG.err"
	mount -t bpf bpf /sys/fs/bpf
}

@test "killed while its configuration is wrong: what it refused is refused on until that is put right, and it guards again" {
	local n
	n=$(count '^message READY=1')
	policy '[mdev-vaddr]' 'action = denied'
	kill -KILL "$(service_pid)"
	more '^ended 9' 1
	wait_line 'It does not guard. What an earlier one left attached .* goes on as it was' "$LOG.err"
	more '^message STATUS=not up' 0
	answers EBUSY
	# told to try again it finds it as it was
	kill -HUP "$(service_pid)"
	more '^message STATUS=not up' 1
	answers EBUSY
	same "ready" "$(count '^message READY=1')" "$n"
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	kill -HUP "$(service_pid)"
	more '^message READY=1' "$n"
	same "started" "$(count '^started')" 3
	answers EBUSY
}

# What was let through was so by the policy of that time.
@test "reload to deny: who was let through before it lives, when his call comes back" {
	local key
	reload '[mdev-vaddr]' 'action = monitor' 'sticky = no'
	act swept --timeout 240 --what declared --rounds 1
	kill -USR1 "${A[tgid]}"
	wait_line '^past=' "$BATS_TEST_TMPDIR/act.out"
	wait_line 'by no call that was seen' "$LOG.err"
	reload '[mdev-vaddr]' 'action = deny' 'sticky = no'
	for key in now free_past; do
		kill -USR1 "${A[tgid]}"
		wait_line "^$key=" "$BATS_TEST_TMPDIR/act.out"
	done
	load_act
	same "lives, and makes it valid" "${A[now_past]} ${A[free_past]}" "lives ended"
	undo
	answers EBUSY
}

@test "stopped: it says so, and the guard is gone" {
	kill -TERM "$(cat "$BATS_FILE_TMPDIR/notify.pid")"
	more '^message STOPPING=1' 0
	more '^ended 0' 0
	comes_to_answer done
}
