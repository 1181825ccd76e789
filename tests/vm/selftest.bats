#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Proves the way into a VM: statuses, output, time limit, a VM that does not boot, a panic, what is writable, that nothing is left behind.
# About twenty seconds a boot; --icount boots in ten.

# The making of a kernel says so on standard error, once.
setup_file() {
	"$BATS_TEST_DIRNAME/kernel" "$("$BATS_TEST_DIRNAME/run" --list | head -n 1)" >/dev/null 2>&1
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	export TMPDIR=$BATS_TEST_TMPDIR	# runs keep their files there, so that we can see what is left, and whose VM is whose
}

# bats shows what a failed test printed: the status and the end of the console say why.
vm() {
	run --separate-stderr tests/vm/run "$@"
	printf 'status %s\n%s\n' "$status" "$(tail -n 20 <<<"$stderr")"
}

nothing_left() {
	local left
	for _ in $(seq 50); do
		left=$(pgrep -f "$TMPDIR/fdpin" || true)
		[ -n "$left" ] || break
		sleep 0.1
	done
	[ -z "$left" ] && [ -z "$(find "$TMPDIR" -maxdepth 1 -name 'fdpin*')" ]
}

@test "status 0; words, streams, standard input, folder and tree are right" {
	bats_require_minimum_version 1.5.0
	mark=$BATS_TEST_DIRNAME/.selftest.$$
	vm --timeout 120 -- sh -c 'pwd; echo "$1"; echo err >&2; echo again >/dev/stdout; cat; id -u; touch "$2"' sh "two  words 'n \$x" "$mark"
	[ "$status" -eq 0 ]
	[ "$output" = "$PWD"$'\n'"two  words 'n \$x"$'\nagain\n0' ]
	[ "$stderr" = err ]
	[ -e "$mark" ]
	rm "$mark"
	nothing_left
}

@test "a status of its own; file systems, devices and modules are right; this machine stays as it is" {
	bats_require_minimum_version 1.5.0
	vm --timeout 300 -- bash -c '
		tests/vm/bind-vfio
		tests/vm/bind-vfio >/dev/null || exit 1
		for type in bpf tracefs debugfs securityfs cgroup2 hugetlbfs; do grep -q " $type " /proc/mounts || { echo "no $type"; exit 1; }; done
		[[ $(cat /sys/kernel/security/lsm) == *bpf* ]] || exit 1
		[ -e /sys/kernel/btf/vfio_iommu_type1 ] || exit 1
		ls /dev/vfio | grep -c "^[0-9]"
		nproc
		: >/etc/fdpin-selftest && : >"$HOME/fdpin-selftest" && : >/var/tmp/fdpin-selftest && : >/dev/shm/x || exit 1
		: >/usr/fdpin-selftest && exit 1
		exit 3'
	[ "$status" -eq 3 ]
	[[ "${lines[0]}" =~ ^0000:01:00.0\ [0-9]+$ ]]
	[[ "${lines[1]}" =~ ^0000:02:00.0\ [0-9]+$ ]]
	[ "${lines[2]}" = 2 ]
	[ "${lines[3]}" = 2 ]
	[ ! -e /etc/fdpin-selftest ] && [ ! -e ~/fdpin-selftest ] && [ ! -e /var/tmp/fdpin-selftest ]
	nothing_left
}

@test "the time limit gives 124, the console, and what was said before" {
	bats_require_minimum_version 1.5.0
	start=$SECONDS
	vm --timeout 100 -- sh -c 'echo before; exec sleep 1000'
	[ "$status" -eq 124 ]
	[ "$output" = before ]
	[[ "$stderr" == *"console: "*"starting the command"*"Show Blocked State"* ]]
	[ $((SECONDS - start)) -lt 125 ]
	nothing_left
}

@test "children left behind keep nobody waiting" {
	bats_require_minimum_version 1.5.0
	vm --timeout 120 -- sh -c 'sleep 1000 & echo done'
	[ "$status" -eq 0 ]
	[ "$output" = done ]
	nothing_left
}

@test "a VM that does not boot gives 125 and the console" {
	bats_require_minimum_version 1.5.0
	vm --timeout 120 --append init=/nonexistent -- true
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"console: "*"Linux version"*"never ran"* ]]
	nothing_left
}

@test "a panic gives 125 and the console" {
	bats_require_minimum_version 1.5.0
	vm --timeout 120 -- sh -c 'echo c >/proc/sysrq-trigger'
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"console: "*"Kernel panic"*"died"* ]]
	nothing_left
}

@test "the VM goes when its runner is killed" {
	tests/vm/run --timeout 120 -- sleep 1000 3>&- &
	for _ in $(seq 100); do
		! pgrep -f "qemu.*$TMPDIR/fdpin" >/dev/null || break
		sleep 0.1
	done
	pgrep -f "qemu.*$TMPDIR/fdpin" >/dev/null
	kill -KILL $!
	wait $! || true
	for _ in $(seq 100); do
		pgrep -f "$TMPDIR/fdpin" >/dev/null || break
		sleep 0.1
	done
	! pgrep -f "$TMPDIR/fdpin"
}

@test "--icount: the clock counts instructions, the same each time but for a permille" {
	bats_require_minimum_version 1.5.0
	for round in 1 2; do
		vm --icount --timeout 120 -- sh -c 'cat /sys/devices/system/clocksource/clocksource0/current_clocksource; nproc; sleep 60; cat /proc/uptime; exit 5'
		[ "$status" -eq 5 ]
		[ "${lines[0]}" = tsc ]
		[ "${lines[1]}" = 1 ]
		seen[round]=${lines[2]}
	done
	# of 62 seconds; what the host was busy with meanwhile would show as seconds
	awk -v a="${seen[1]%% *}" -v b="${seen[2]%% *}" 'BEGIN { exit !((a - b) ^ 2 <= 0.1 ^ 2) }'
	nothing_left
}

@test "--disk: an image is at /disk, for reading; it is for --icount" {
	bats_require_minimum_version 1.5.0
	mkdir "$BATS_TEST_TMPDIR/files"
	echo "on the disk" >"$BATS_TEST_TMPDIR/files/file"
	PATH=$PATH:/usr/sbin mke2fs -q -t ext4 -O ^has_journal -d "$BATS_TEST_TMPDIR/files" "$BATS_TEST_TMPDIR/a, b" 8M
	before=$(sha256sum <"$BATS_TEST_TMPDIR/a, b")
	vm --icount --timeout 120 --disk "$BATS_TEST_TMPDIR/a, b" -- sh -c 'cat /disk/file; touch /disk/new || exit 6'
	[ "$status" -eq 6 ]
	[ "$output" = "on the disk" ]
	[ "$(sha256sum <"$BATS_TEST_TMPDIR/a, b")" = "$before" ]
	vm --timeout 120 --disk "$BATS_TEST_TMPDIR/a, b" -- true
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"--disk needs --icount"* ]]
	nothing_left
}

@test "wrong use gives 125 and a word about it" {
	bats_require_minimum_version 1.5.0
	vm --kernel no-such -- true
	[ "$status" -eq 125 ]
	[[ "$stderr" == *"no kernel 'no-such'"* ]]
	vm --no-such -- true
	[ "$status" -eq 125 ]
	vm --list
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 6.1 ]
}
