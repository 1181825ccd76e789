#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Modules that come and go. First, as nothing is loaded yet; it leaves no VFIO behind.

load helpers
load guard

setup() {
	! builtin_vfio || skip "row $KERNEL has VFIO built in"
}

teardown() {
	common_teardown
	[ -z "${TRACE-}" ] || kill -TERM "$TRACE"
}
teardown_file() {
	load guard
	guard_teardown_file
}

start_trace() {
	: >"$BATS_TEST_TMPDIR/t.err"
	"$fdpin" trace -j -o "$BATS_TEST_TMPDIR/t.jsonl" 2>"$BATS_TEST_TMPDIR/t.err" 3>&- &
	TRACE=$!
	wait_line 'Ctrl-C' "$BATS_TEST_TMPDIR/t.err"
}

stop_trace() {
	kill -TERM "$TRACE"
	wait "$TRACE"
	TRACE=
	tail -n 1 "$BATS_TEST_TMPDIR/t.jsonl" >"$BATS_TEST_TMPDIR/sum"
}

release_devices() {
	local bdf
	while read -r bdf _; do
		echo "$bdf" >/sys/bus/pci/drivers/vfio-pci/unbind
	done <"$RUN/pci"
	modprobe -r vfio-pci vfio_iommu_type1
	[ ! -d /sys/module/vfio ]
}

devices() {
	"$top/tests/vm/bind-vfio" | tee "$RUN/pci" | awk '{ print $2 }' >"$RUN/pci-groups"
}

one_cycle() {
	act pci --what cycle --pci "/dev/vfio/$(sed -n 1p "$RUN/pci-groups")"
	wait_line '^result=ended' "$BATS_TEST_TMPDIR/act.out"
}

# Who waits for something uses next to no processor meanwhile, however slow that is: hundredths of a second here.
waits_idly() {
	local before after
	before=$(awk '{ print $14 + $15 }' "/proc/$TRACE/stat")
	sleep 4
	after=$(awk '{ print $14 + $15 }' "/proc/$TRACE/stat")
	[ $((after - before)) -lt 130 ] || { echo "$((after - before)) of 400" >&2; return 1; }
}

maps() {
	jq -n '[inputs | select(.type == "map")] | length' "$BATS_TEST_TMPDIR/t.jsonl"
}

@test "before VFIO is loaded: nothing there, said with certainty; it is hooked when it comes" {
	[ ! -d /sys/module/vfio ]
	"$fdpin" status -j >"$ST"
	jq -e '.complete and .containers == []' "$ST"
	start_trace
	grep -F "waiting" "$BATS_TEST_TMPDIR/t.err"
	waits_idly
	devices
	for ((i = 0; i < 60; i++)); do
		one_cycle
		[ "$(maps)" = 0 ] || break
	done
	[ "$(maps)" -ge 1 ]
	stop_trace
	cat "$BATS_TEST_TMPDIR/sum"
	jq -e '.type == "summary" and any(.gaps[]; .why | test("module of VFIO was loaded"))' "$BATS_TEST_TMPDIR/sum"
}

# Does a kernel let a module go whose functions are hooked? 6.1 does not, later ones do.
@test "unload and reload while traced: in use, or hooked again when it is back" {
	start_trace
	one_cycle
	if modprobe -r vfio_iommu_type1; then
		[ ! -d /sys/module/vfio_iommu_type1 ]
		before=$(maps)
		devices
		for ((i = 0; i < 60; i++)); do
			one_cycle
			[ "$(maps)" = "$before" ] || break
		done
		[ "$(maps)" -gt "$before" ]
	fi
	stop_trace
}

# What it reads by is of the module that was there when it started.
@test "guarded: the module stays; when the guard has ended it goes, and the next guard is proven on the one that comes back" {
	local i
	[ -d /sys/module/vfio_iommu_type1 ] || modprobe vfio_iommu_type1
	policy '[mdev-vaddr]' 'action = deny'
	for ((i = 0; i < $((${FDPIN_LONG:-0} ? 30 : 2)); i++)); do
		guard
		one_cycle
		untouched
		! modprobe -r vfio_iommu_type1 || return 1
		unguard
		release_devices
		devices
	done
}

@test "unload and reload, then a trace that has seen everything" {
	release_devices
	"$fdpin" status -j >"$ST"
	jq -e '.complete and .containers == []' "$ST"
	devices
	start_trace
	one_cycle
	stop_trace
	[ "$(maps)" -ge 1 ]
	jq -e '.complete' "$BATS_TEST_TMPDIR/sum"
	release_devices
}
