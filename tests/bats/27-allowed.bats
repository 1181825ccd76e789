#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What the guard must let be, though an address is invalid or an mdev is near: each without one first, then beside one guard that denies, of which no word is said.

load helpers
load guard

teardown() { guard_teardown; }
teardown_file() {
	load guard
	guard_teardown_file
}

GROUP=/dev/vfio/$(sed -n 1p "$RUN/pci-groups")
OTHER=/dev/vfio/$(sed -n 2p "$RUN/pci-groups")
has_iommufd() { [ "$KERNEL" = iommufd ]; }

# All of it ends as it does on a machine without a guard.
hand_overs() {
	local rounds=$((${FDPIN_LONG:-0} ? 100 : 10))
	act_ends allowed --what hand-overs --pci "$GROUP" --rounds $rounds
	same "hand-overs" "${A[invalidated]} ${A[restored]}" "$rounds $rounds"
}
execs() {
	act_ends pci --what exec --pci "$GROUP"
	[ -n "${A[successor_vmlck]}" ]
}
elsewhere() {
	act_ends allowed --what elsewhere --pci "$GROUP" --other "$OTHER"
	same "another container" "${A[other]} ${A[driver]} ${A[mdev]} ${A[mdev_open]} ${A[state]}" "done done done done invalid"
}
unplugged() { # what an invalidation comes to beside the mdev
	act_ends allowed --what unplugged --pci "$GROUP"
	same "beside the mdev" "${A[with_mdev]}" "$1"
	same "without it" "${A[without_mdev]} ${A[state]}" "$2"
}
iommufd() {
	act_ends allowed --what iommufd --pci "$GROUP" --other "/dev/vfio/devices/$(ls "/sys/bus/pci/devices/$(awk 'NR == 2 { print $1 }' "$RUN/pci")/vfio-dev")"
	same "device" "${A[device_bind]} ${A[device_attach]}" "done done"
	same "mdev" "${A[mdev_bind]} ${A[mdev_attach]}" "done done"
	same "the flag" "${A[flag]} ${A[state]}" "EINVAL invalid"
}

@test "without a guard" {
	hand_overs
	execs
	[ "$FDPIN_MODULE" != none ] || return 0
	elsewhere
	refuses || unplugged done "EINVAL invalid"
	! has_iommufd || iommufd
}

@test "hand-overs without an mdev, to one process after the other" {
	# a kernel without the fix looks for the memory of a range in its first process for good, and so does the rule
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no' '[file-backed]' "action = $(refuses && echo deny || echo off)"
	guard
	hand_overs
	same "decisions on any of them" "$(jq -cn '[inputs | select(.type == "decision" and .comm == "act_allowed")] | length' "$GUARD")" 0
}

@test "an exec that keeps the container" {
	execs
	untouched
}

@test "one container is invalid: a device, and an mdev, join another" {
	need_mdev
	elsewhere
	untouched
}

@test "an mdev that is removed from the machine while it is open: as long as it is there it is refused, and no longer" {
	need_mdev
	unplugged EBUSY "done invalid"
	same "while somebody has it" "${A[removing]}" EBUSY
	same "told" "$(decisions mdev-vaddr denied invalidate)" 2
}

@test "a container is invalid: what goes to an iommufd is let go, and to the flag it is the kernel that says no" {
	need_mdev
	has_iommufd || skip "no iommufd here"
	iommufd
	untouched
}
