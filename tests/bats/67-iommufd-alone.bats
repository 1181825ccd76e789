#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A kernel in which VFIO has no container of its own: what is left is iommufd, also behind /dev/vfio/vfio. What such a kernel has not is no gap, and
# what it has is seen whole.

load helpers
load referees
load doctor

setup() {
	[ "$KERNEL" = iommufd-only ] || skip "VFIO of row $KERNEL has a container of its own"
	[ -c /dev/iommu ]
	! grep -qw vfio_container_attach_group /proc/kallsyms
}

teardown() { common_teardown; }

@test "status and trace: contexts by iommufd's own calls and by VFIO's, line by line beside the referees, and nothing is missing" {
	agree iommu ioas "$(cdev 1)" anon=1m map=64k memfd=1m file-map=128k ioas memfd=64k map=64k iommu ioas mcdev memfd=256k map=256k pin=7 \
		compat "$(pci 2)" driver memfd=64k map=64k
	same "types" "$(jq -c '[.containers[].type] | unique' "$ST")" '\["iommufd"\]'
	same "devices" "$(jq -c '[.containers[].devices[].backed] | sort' "$ST")" '\["iommu","iommu","mdev"\]'
	jq -e '.complete and .gaps == [] and all(.verdicts[]; .answer == "no")' "$ST"
	run "$fdpin" status --check
	[ "$status" -eq 0 ]
	wait_line '"type":"pin"' "$LIVE"
	for event in open charge pin; do
		jq -e -n --arg e "$event" 'any(inputs; .type == $e)' "$LIVE"
	done
	! grep '"type":"gap"' "$LIVE"
}

@test "doctor: there is no type1, and no defect of it; what the commands can do" {
	D=$BATS_TEST_TMPDIR/doctor.json
	doctor
	same "defects: iommufd's alone" "$(defects)" "no no no no yes"
	jq -c '.works, .works_why' "$D"
	same "status" "$status" 2
	same "fentry" "$(check fentry)" yes/ok
	same "guard" "$(jq -r .works.enforce "$D")" none
	same "commands" "$(jq -r '.works | [.status, .trace, .record, .report, .migrate] | unique | join(" ")' "$D")" full
}

@test "enforce: there is nothing to guard, and it says so" {
	run "$fdpin" enforce -d 1s
	[ "$status" -eq 69 ]
	[[ $output == *"nothing to guard"* ]]
}
