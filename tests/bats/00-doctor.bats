#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What doctor says of a driver that is not loaded: not known; and that asking does not load it.

load helpers

D=$BATS_TEST_TMPDIR/doctor.json

defects() {
	jq -r '.defects | [.deadlock, .exec_underflow, .restore, .mdev_exclusion, .change_process] | join(" ")' "$D"
}

modules() {
	lsmod | awk '/^(vfio|iommufd|mdev)/ { print $1 }' | sort | xargs
}

@test "doctor, VFIO not loaded: not known, and asking does not load it" {
	! builtin_vfio || skip "row $KERNEL has VFIO built in"
	same "modules before" "$(modules)" ""
	run "$fdpin" doctor -j
	same "status" "$status" 3
	echo "$output" >"$D"
	same "modules after" "$(modules)" ""
	same "defects" "$(defects)" "unknown unknown unknown unknown no"
	same "why" "$(jq -r '.checks[] | select(.id == "vaddr-wait") | .why' "$D")" "*not loaded*"
	same "works" "$(jq -r '.works | "\(.status) \(.trace)"' "$D")" "full partial"
}

@test "doctor, the type1 driver taken away: not known, and asking does not bring it back" {
	! builtin_vfio || skip "row $KERNEL has VFIO built in"
	modprobe vfio_iommu_type1
	run "$fdpin" doctor -q --only vaddr-wait
	[ "$status" = 0 ] || [ "$status" = 2 ]
	modprobe vfio
	rmmod vfio_iommu_type1
	run "$fdpin" doctor -j
	left=$(modules)
	modprobe -r vfio
	same "status" "$status" 3
	echo "$output" >"$D"
	same "modules" "$left" "*vfio*"
	[[ $left != *type1* ]]
	same "defects" "$(defects)" "unknown unknown unknown unknown no"
}
