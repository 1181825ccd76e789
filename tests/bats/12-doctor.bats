#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What doctor says of each row, which was built to be so.

load helpers
load doctor

@test "the defects of this row, as it was built" {
	doctor
	case $KERNEL in
	6.1) wanted="no no no no no" want=0 ;;
	6.1-unguarded) wanted="yes no no yes no" want=2 ;;
	6.1-unfixed) wanted="yes yes yes yes no" want=2 ;;
	6.12 | 6.18 | newest) wanted="no no no no no" want=0 ;;
	iommufd) wanted="no no no no yes" want=2 ;;
	*) skip "row $KERNEL has no expectation here" ;;
	esac
	same "defects" "$(defects)" "$wanted"
	same "status" "$status" "$want"
	same "status in JSON" "$(jq .status "$D")" "$want"
	"$top/tests/validate" "$D" "$top/dist/fdpin-trace-doctor.schema.json"
}

@test "what waits for an address, beside the kernel's own table of symbols" {
	doctor
	same "vaddr-wait is answered by code or its absence" \
		"$(jq -r '.checks[] | select(.id == "vaddr-wait") | any(.notes[]; .text | test("vaddr_wait is there"))' "$D")" \
		"$(if grep -qw vfio_wait /proc/kallsyms; then echo true; else echo false; fi)"
}

@test "what the kernel has: each answer beside what the system says elsewhere" {
	doctor
	for id in btf fentry iterators kernel-memory symbols bpf-lsm fmod-ret lockdown type1 capabilities visibility; do
		same "$id" "$(check $id)" "yes/ok"
	done
	same "LSMs" "$(why bpf-lsm | tr -d ' ')" "$(cat /sys/kernel/security/lsm)"
	if [ -e /sys/module/vfio_iommu_type1/srcversion ]; then
		same "srcversion" "$(why type1)" "*$(cat /sys/module/vfio_iommu_type1/srcversion)"
	fi
	if [ -c /dev/iommu ]; then
		for id in iommufd map-file change-process; do same "$id" "$(check $id)" "yes/ok"; done
	else
		for id in iommufd map-file change-process; do same "$id" "$(check $id)" "no/none"; done
	fi
	same "commands" "$(jq -r '.works | del(.migrate) | [.[]] | unique | join(" ")' "$D")" full
	same "migrate" "$(jq -r .works.migrate "$D")" "$(if [ -c /dev/iommu ]; then echo full; else echo partial; fi)"
}
