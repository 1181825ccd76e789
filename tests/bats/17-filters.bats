#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What status lets through by process, device, machine and control group, the same in JSON, in the table and in what --check says; and what the table
# says beside /proc.

load helpers

OTHER=
teardown() {
	[ -z "$OTHER" ] || kill -TERM "$OTHER" 2>/dev/null || true
	common_teardown
}

# Ids that a filter lets through, from JSON and from the table: they must be the same.
ids() {
	local json table
	json=$("$fdpin" status -j "$@" | jq -r '[.containers[].id] | sort | join(" ")')
	table=$("$fdpin" status --raw --noheadings --columns ID "$@" | sort | xargs)
	same "ids of the table with $*" "$table" "$json" >&2
	echo "$json"
}

id_of_pid() {
	jq -r --argjson t "$1" '.containers[] | select(any(.holders[]; .tgid == $t)) | .id' "$ST"
}

@test "--device, --pid, --container, --cgroup and --vm let through what they name" {
	act many --rounds 20
	OTHER=$ACT_PID many=${A[tgid]} uuid=${A[uuid]}
	scope='/machine.slice/machine-qemu\x2d17\x2ddb17.scope'
	mkdir -p "/sys/fs/cgroup$scope"
	echo "$many" >"/sys/fs/cgroup$scope/cgroup.procs"
	group=$(sed -n 1p "$RUN/pci-groups")
	act pci --what invalid --pci "/dev/vfio/$group"
	pci=${A[tgid]} bdf=$(basename "$(echo "/sys/kernel/iommu_groups/$group/devices/"*)")
	"$fdpin" status -j >"$ST"
	M=$(id_of_pid "$many") P=$(id_of_pid "$pci")
	[ -n "$M" ] && [ -n "$P" ] && [ "$M" != "$P" ]

	same "uuid" "$(ids --device "$uuid")" "$M"
	same "PCI address" "$(ids --device "$bdf")" "$P"
	same "short PCI address" "$(ids --device "${bdf#0000:}")" "$P"
	same "no such device" "$(ids --device 0000:7f:1f.7)" ""
	same "process" "$(ids -p "$many")" "$M"
	same "processes" "$(ids -p "$many,$pci" | xargs -n 1 | sort | xargs)" "$(printf '%s\n' "$M" "$P" | sort | xargs)"
	same "container" "$(ids -c "$P")" "$P"
	same "control group" "$(ids --cgroup "$scope")" "$M"
	same "slice" "$(ids --cgroup /sys/fs/cgroup/machine.slice/)" "$M"
	same "machine" "$(ids --vm db17)" "$M"
	same "another's process and machine" "$(ids --vm db17 -p "$pci")" ""
	"$fdpin" status -j -p "$pci" | jq -e --argjson t "$pci" '[.mms[].processes[].tgid] == [$t]'

	# nothing wrong with it; nothing to say about what is not there, though the process is
	run "$fdpin" status --check --vm db17
	same "check of one that is well" "$status ${output%% *}" "0 OK"
	run "$fdpin" status --check -p $$
	same "check of a process that has nothing" "$status ${output%% *}" "3 UNKNOWN"
	run "$fdpin" status -p $$
	same "a process that has nothing" "$status ${lines[-1]}" "0 UNKNOWN  no container is what was asked for"

	# the table beside /proc
	same "line of the mdev" "$("$fdpin" status --raw --noheadings -p "$many" --columns PID,VM,DEVICES,MAPS,FILE,INVAL,COMM,CGROUP,HOLDERS)" \
		"$many db17 mdev\\\\x20${uuid:0:8} 20 100% - act_many ${scope//\\x/\\\\x5cx} 1/1"
	same "line of the other" "$("$fdpin" status --raw --noheadings -b -p "$pci" --columns PID,DEVICES,SIZE,PINNED,INVAL,EXE)" \
		"$pci $bdf $((A[size])) $((A[size])) 1/1 $(readlink "/proc/$pci/exe")"
	same "LOCKED_VM" "$("$fdpin" status -b -p "$pci" | awk -v p="$pci" '/ LOCKED_VM / { t = 1 } t && $1 == p { print $4 }')" \
		"$(awk '/^VmLck/ { print $2 * 1024 }' "/proc/$pci/status")"

	# all that is usual fits 80 columns; what is not is below, and names the descriptor
	same "lines that are too long" "$("$fdpin" status | awk 'length > 80')" ""
	"$fdpin" status -v -p "$pci" 2>/dev/null >"$BATS_TEST_TMPDIR/v"
	grep -E "Held by .*\[$pci\], fd ${A[container_fd]}[;,]" "$BATS_TEST_TMPDIR/v"
	grep -E "^ *${A[iova]} .* NO +.* memfd " "$BATS_TEST_TMPDIR/v"
}
