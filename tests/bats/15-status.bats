#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Before the acts that hang, which keep the PCI groups. What status says of a container, beside what the kernel says elsewhere: the acting program's own numbers, /proc/PID/fd, maps, status, limits.

load helpers
load referees

teardown() { common_teardown; }

# The line of /proc/PID/maps that holds an address.
maps_line() { # PID ADDRESS
	local range rest
	while read -r range rest; do
		if ((16#${range%-*} <= $2 && $2 < 16#${range#*-})); then echo "$range $rest"; fi
	done <"/proc/$1/maps"
}

@test "an IOMMU-backed container: range, memory, holder, counters and limits are what they are" {
	group=$(sed -n 2p "$RUN/pci-groups")
	act pci --what invalid --pci "/dev/vfio/$group"
	pid=${A[tgid]}
	"$fdpin" status -j >"$ST"
	ID=$(jq -r --argjson t "$pid" '.containers[] | select(any(.holders[]; .tgid == $t)) | .id' "$ST")
	c=$(jq -c --arg id "$ID" '.containers[] | select(.id == $id)' "$ST")

	same "type" "$(jq -r .type <<<"$c")" type1
	same "holders" "$(jq -r '[.holders[] | "\(.tgid):\(.fd)"] | join(" ")' <<<"$c")" "$pid:${A[container_fd]}"
	same "file of the holder" "$(readlink "/proc/$pid/fd/${A[container_fd]}")" /dev/vfio/vfio

	range=$(jq -c '.ranges | if length == 1 then .[0] else error("not one range") end' <<<"$c")
	same "iova" "$(jq -r .iova <<<"$range")" "${A[iova]}"
	same "size" "$(jq -r .size <<<"$range")" "$((A[size]))"
	jq -e '.valid == false and .mapped and .read and .write' <<<"$range"

	maps=$(maps_line "$pid" "$(jq -r .vaddr <<<"$range")")
	read -r span perms offset _ inode path <<<"$maps"
	same "kind of memory" "$(jq -r .backing.kind <<<"$range")" memfd
	same "path" "$path" "$(jq -r .backing.path <<<"$range") (deleted)"
	same "inode" "$(jq -r .backing.inode <<<"$range")" "$inode"
	[ "${perms:3:1}" = s ] && jq -e .backing.shared <<<"$range"
	vaddr=$(jq -r .vaddr <<<"$range")
	same "offset" "$(jq -r .backing.offset <<<"$range")" "$((16#$offset + vaddr - 16#${span%-*}))"

	mm=$(jq -c --argjson t "$pid" '.mms[] | select(any(.processes[]; .tgid == $t))' "$ST")
	same "VmLck" "$(($(jq -r .locked_vm_pages <<<"$mm") * 4))" "$(awk '/^VmLck/ { print $2 }' "/proc/$pid/status")"
	same "VmPin" "$(($(jq -r .pinned_vm_pages <<<"$mm") * 4))" "$(awk '/^VmPin/ { print $2 }' "/proc/$pid/status")"
	same "mm of the range" "$(jq -r .mm <<<"$range")" "$(jq -r .id <<<"$mm")"
	process=$(jq -c --argjson t "$pid" '.processes[] | select(.tgid == $t)' <<<"$mm")
	same "exe" "$(jq -r .exe <<<"$process")" "$(readlink "/proc/$pid/exe")"
	limit=$(awk '/^Max locked memory/ { print $4 }' "/proc/$pid/limits")
	same "soft limit" "$(jq -r '.memlock_soft // "unlimited"' <<<"$process")" "$limit"
	same "CAP_IPC_LOCK" "$(jq -r .cap_ipc_lock <<<"$process")" true
}

@test "memory of a virtual machine that only KVM gives: guest_memfd" {
	case $KERNEL in 6.18 | newest) ;; *) skip "no guest_memfd that can be mapped in this kernel" ;; esac
	modprobe -q kvm_amd || modprobe -q kvm_intel || true
	[ -c /dev/kvm ] || skip "the processor of this machine has nothing for KVM"
	agree type1 "$(pci 2)" driver gmem=2m map=1m skip=64k map=64k
	same "kinds" "$(jq -c '[.containers[].ranges[].backing.kind]' "$ST")" '\["guest_memfd","guest_memfd"\]'
}

# Who drops the last reference runs the release: a look that held a file for a moment would now and then close a container of somebody else's, and wait
# for what its drivers wait for.
@test "looks are never the ones that close somebody's file" {
	local before i looks=${FDPIN_LONG:+50}
	before=$(wc -l <"$LIVE")
	(
		close_files
		while [ ! -e "$BATS_TEST_TMPDIR/enough" ]; do
			exec 9<>/dev/vfio/vfio
			exec 9>&-
		done
	) &
	for ((i = 0; i < ${looks:-5}; i++)); do "$fdpin" status >/dev/null || [ $? = 1 ]; done
	touch "$BATS_TEST_TMPDIR/enough"
	wait $!
	for ((i = 0; i < 100; i++)); do
		tail -n +$((before + 1)) "$LIVE" | jq -nRr 'inputs | fromjson? | select(.type == "release") | .comm' | sort | uniq -c >"$BATS_TEST_TMPDIR/closers"
		[ "$(awk '{ n += $1 } END { print n + 0 }' "$BATS_TEST_TMPDIR/closers")" -lt 100 ] || break
		sleep 0.1
	done
	cat "$BATS_TEST_TMPDIR/closers"
	[ "$(awk '{ n += $1 } END { print n + 0 }' "$BATS_TEST_TMPDIR/closers")" -ge 100 ]
	! grep fdpin "$BATS_TEST_TMPDIR/closers"
}

# The recordings have no address spaces and no memory; here are a mediated device, a memfd, limits, and lines of a trace that runs.
@test "documents of status and lines of trace are what the schemas say" {
	group=$(sed -n 2p "$RUN/pci-groups")
	act pci --what invalid --pci "/dev/vfio/$group"
	"$fdpin" status -j >"$ST"
	jq -e '[.containers[].ranges[].backing, .mms[].processes[].exe] | map(select(. != null)) | length >= 2' "$ST"
	valid "$ST" "$top/dist/fdpin-trace-status.schema.json"
	"$fdpin" trace -q -j -d 1s >"$BATS_TEST_TMPDIR/lines"
	jq -es '.[-1].type == "summary"' "$BATS_TEST_TMPDIR/lines"
	# one line of each type there is: to look at one takes long on a processor that is emulated; the last one may not be whole yet
	head -n -1 "$LIVE" | cat - "$BATS_TEST_TMPDIR/lines" | jq -nc '[inputs] | unique_by(.type)[]' >"$BATS_TEST_TMPDIR/each"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/each")" -gt 3 ]
	valid --lines "$BATS_TEST_TMPDIR/each" "$top/dist/fdpin-trace-trace.schema.json"
}
