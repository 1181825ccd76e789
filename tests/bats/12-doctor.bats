#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What doctor says of each row, which was built to be so.

load helpers
load doctor

# Asked once: it takes as long as the loading of every program there is.
setup_file() {
	D=$BATS_FILE_TMPDIR/doctor.json
	doctor
	echo "$status" >"$BATS_FILE_TMPDIR/status"
}

setup() { D=$BATS_FILE_TMPDIR/doctor.json status=$(cat "$BATS_FILE_TMPDIR/status"); }

@test "the defects of this row, as it was built" {
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
	valid "$D" "$top/dist/fdpin-trace-doctor.schema.json"
}

@test "what waits for an address, beside the kernel's own table of symbols" {
	same "vaddr-wait is answered by code or its absence" \
		"$(jq -r '.checks[] | select(.id == "vaddr-wait") | any(.notes[]; .text | test("vaddr_wait is there"))' "$D")" \
		"$(if grep -qw vfio_wait /proc/kallsyms; then echo true; else echo false; fi)"
}

@test "what the kernel has: each answer beside what the system says elsewhere" {
	for id in btf fentry iterators kernel-memory symbols bpf-lsm fmod-ret lockdown type1 capabilities visibility; do
		same "$id" "$(check $id)" "yes/ok"
	done
	same "LSMs" "$(why bpf-lsm | tr -d ' ')" "$(cat /sys/kernel/security/lsm)"
	same "hung task detector" "$(check hung-task)" "$(if [ "$(sysctl -n kernel.hung_task_timeout_secs 2>/dev/null || echo 0)" -gt 0 ]; then echo yes/ok; else echo no/none; fi)"
	same "live update" "$(check liveupdate)" "$(if grep -qw liveupdate /proc/misc; then echo yes/ok; else echo no/none; fi)"
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
