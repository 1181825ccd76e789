#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What status lets through by process, device, machine and control group, the same in JSON, in the table and in what --check says; and what the table
# says beside /proc.

load helpers
load referees

OTHER=
teardown() {
	[ -z "$OTHER" ] || kill -TERM "$OTHER" 2>/dev/null || true
	common_teardown
}

# Ids that a filter lets through, from the table; of each option once from JSON too, which must have the same.
# A range is invalid here, which nobody asks about: no time between the two looks.
ids() { line ID "$@" | sort | xargs; }
ids_of_both() {
	local json table
	json=$("$fdpin" status --settle=0 -j "$@" | jq -r '[.containers[].id] | sort | join(" ")')
	table=$(ids "$@")
	same "ids of the table with $*" "$table" "$json" >&2
	echo "$json"
}

# Lines of the table with these columns.
line() { "$fdpin" status --settle=0 --raw --noheadings --columns "$@"; }

id_of_pid() {
	jq -r --argjson t "$1" '.containers[] | select(any(.holders[]; .tgid == $t)) | .id' "$ST"
}

@test "--device, --pid, --container, --cgroup and --vm let through what they name" {
	local other=mdev
	has_mdev || other=$(pci 2)
	act list type1 "$other" driver memfd=80k many=20
	OTHER=$ACT_PID many=${A[tgid]} uuid=${A[uuid]}
	scope='/machine.slice/machine-qemu\x2d17\x2ddb17.scope'
	mkdir -p "/sys/fs/cgroup$scope"
	echo "$many" >"/sys/fs/cgroup$scope/cgroup.procs"
	group=$(sed -n 1p "$RUN/pci-groups")
	act pci --what invalid --pci "/dev/vfio/$group"
	pci=${A[tgid]} bdf=$(basename "$(echo "/sys/kernel/iommu_groups/$group/devices/"*)")
	pod=12345678-90ab-cdef-1234-567890abcdef box=$(printf '8c3f1a5b%.0s' 1 2 3 4 5 6 7 8)
	pods=/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${pod//-/_}.slice/cri-containerd-$box.scope
	mkdir -p "/sys/fs/cgroup$pods"
	echo "$pci" >"/sys/fs/cgroup$pods/cgroup.procs"
	"$fdpin" status -j >"$ST"
	M=$(id_of_pid "$many") P=$(id_of_pid "$pci")
	[ -n "$M" ] && [ -n "$P" ] && [ "$M" != "$P" ]

	same "uuid" "$(ids_of_both --device "$uuid")" "$M"
	same "PCI address" "$(ids --device "$bdf")" "$P"
	same "short PCI address" "$(ids --device "${bdf#0000:}")" "$P"
	same "no such device" "$(ids --device 0000:7f:1f.7)" ""
	same "process" "$(ids_of_both -p "$many")" "$M"
	same "processes" "$(ids -p "$many,$pci")" "$(printf '%s\n' "$M" "$P" | sort | xargs)"
	same "container" "$(ids_of_both -c "$P")" "$P"
	same "control group" "$(ids_of_both --cgroup "$scope")" "$M"
	same "slice" "$(ids --cgroup /sys/fs/cgroup/machine.slice/)" "$M"
	same "machine" "$(ids_of_both --vm db17)" "$M"
	same "another's process and machine" "$(ids --vm db17 -p "$pci")" ""
	"$fdpin" status --settle=0 -j -p "$pci" | jq -e --argjson t "$pci" '[.mms[].processes[].tgid] == [$t]'

	# nothing wrong with it; nothing to say about what is not there, though the process is
	run "$fdpin" status --check --vm db17
	same "check of one that is well" "$status ${output%% *}" "0 OK"
	run "$fdpin" status --check -p $$
	same "check of a process that has nothing" "$status ${output%% *}" "3 UNKNOWN"
	run "$fdpin" status --settle=0 -p $$
	same "a process that has nothing" "$status ${lines[-1]}" "0 UNKNOWN  no container is what was asked for"

	# the table beside /proc
	! has_mdev || other="mdev\\\\x20${uuid:0:8}"
	has_mdev || other=$uuid
	same "line of the one" "$(line PID,VM,DEVICES,MAPS,FILE,INVAL,COMM,CGROUP,HOLDERS -p "$many")" \
		"$many db17 $other 20 100% - act_list ${scope//\\x/\\\\x5cx} 1/1"
	same "line of the other" "$(line PID,DEVICES,SIZE,PINNED,INVAL,EXE,POD,CONTAINER -b -p "$pci")" \
		"$pci $bdf $((A[size])) $((A[size])) 1/1 $(readlink "/proc/$pci/exe") $pod $box"
	same "LOCKED_VM" "$("$fdpin" status --settle=0 -b -p "$pci" | awk -v p="$pci" '/ LOCKED_VM / { t = 1 } t && $1 == p { print $4 }')" \
		"$(awk '/^VmLck/ { print $2 * 1024 }' "/proc/$pci/status")"

	# all that is usual fits 80 columns; what is not is below, and names the descriptor
	same "lines that are too long" "$("$fdpin" status --settle=0 | awk 'length > 80')" ""
	"$fdpin" status --settle=0 -v -p "$pci" 2>/dev/null >"$BATS_TEST_TMPDIR/v"
	grep -E "Held by .*\[$pci\], fd ${A[container_fd]}[;,]" "$BATS_TEST_TMPDIR/v"
	grep -E "^ *${A[iova]} .* NO +.* memfd " "$BATS_TEST_TMPDIR/v"
}

@test "--watch: look after look until it is told to end; then the status is that of the last look" {
	local watcher look status=0
	act list type1 "$(pci 1)" driver memfd=64k map=64k
	look=$BATS_TEST_TMPDIR/looks
	"$fdpin" status --watch=100ms --check=npd -p "${A[tgid]}" >"$look" 3>&- &
	watcher=$!
	wait_line '^OK' "$look"
	undo
	wait_line '^UNKNOWN no container is what was asked for' "$look"
	kill -TERM $watcher
	wait $watcher || status=$?
	same "status" "$status" 2
	same "lines" "$(grep -v '^$' "$look" | cut -d' ' -f1 | uniq | xargs)" "OK UNKNOWN"
}
