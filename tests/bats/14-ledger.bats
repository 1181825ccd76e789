#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The ledger: what is charged over a life, an exec, a hand-over; the kernels' own defects, and that right use raises no alarm.

load helpers

LIMIT=/sys/module/vfio_iommu_type1/parameters/dma_entry_limit
ENTRIES=$(cat $LIMIT)

# Who came after an exec has the group, and is no process that common_teardown knows; the next test wants it.
teardown() {
	local i
	echo "$ENTRIES" >$LIMIT
	common_teardown
	for ((i = 0; i < 100; i++)); do
		pkill -KILL -x 'act_charge|exe' || return 0
		sleep 0.1
	done
}

group() { echo "/dev/vfio/$(sed -n 1p "$RUN/pci-groups")"; }
cdev_of() { echo "/dev/vfio/devices/$(ls "/sys/bus/pci/devices/$1/vfio-dev")"; } # BDF
cdev() { cdev_of "$(awk 'NR == 1 { print $1 }' "$RUN/pci")"; }
credits_wrongly() { [ "$KERNEL" = 6.1-unfixed ]; } # built without the fixes: to the address space of the moment
has_iommufd() { [ "$KERNEL" = iommufd ]; }
need_iommufd() { has_iommufd || skip "row $KERNEL has no iommufd"; }

one_act() { # NAME OPTION…
	timeout 90 "$progs/act_$1" --timeout 60 "${@:2}" </dev/null >"$BATS_FILE_TMPDIR/$1-$3.out" 2>&1 3>&- 4>&- || cat "$BATS_FILE_TMPDIR/$1-$3.out" >&2
}

# All acts under one record: each has its lines in a file, and they are told apart by their processes.
setup_file() {
	local what rec=$BATS_FILE_TMPDIR/r.fdpin
	"$fdpin" record -o "$rec" 2>"$BATS_FILE_TMPDIR/record.err" 3>&- 4>&- &
	recorder=$!
	wait_line recording "$BATS_FILE_TMPDIR/record.err"
	for what in cycle exec memory; do one_act pci --what $what --pci "$(group)"; done
	for what in type1 drop; do one_act charge --what $what --pci "$(group)"; done
	! has_iommufd || for what in user several none mm attach; do one_act charge --what $what --pci "$(cdev)"; done
	kill -TERM $recorder
	wait $recorder
	# little of it is asked for again and again, and a processor that is emulated is slow
	"$fdpin" report -i "$rec" -j | jq -c '{ complete, ledger, verdicts: [.verdicts[] | select(.name == "drift")],
		events: [.events[] | select(.type | IN("open", "release", "exec", "charge", "unmap"))] }' >"$BATS_FILE_TMPDIR/report.json"
	"$fdpin" report -i "$rec" | tr -s '\n ' ' ' >"$BATS_FILE_TMPDIR/report.txt"
}

# The lines of an act in A, what it is about in $ST: its events, from the opening of its container to the end, and what says something of its processes.
of_act() { # NAME
	cp "$BATS_FILE_TMPDIR/$1.out" "$BATS_TEST_TMPDIR/act.out"
	load_act
	same "result of $1" "${A[result]-}" ended
	jq --argjson t "${A[tgid]}" '
		(first(.events[] | select(.type == "open" and .tgid == $t))) as $open
		| [.events[] | select(.ts_ns >= $open.ts_ns)] as $after
		| (first($after[] | select(.type == "release" and .container == $open.container) | .ts_ns)) as $until
		| ([$after[] | select(.ts_ns <= $until)]) as $events
		| ([$events[] | select(.container == $open.container) | .tid] | unique) as $tids
		| { complete, $events, id: $open.container,
		    charges: [$events[] | select(.type == "charge" and .container == $open.container)],
		    uncharged: [.ledger.uncharged[] | select(.since_ts_ns >= $open.ts_ns and .since_ts_ns <= $until)],
		    drift: [.verdicts[] | select(.name == "drift") | . as $v | select(any(.evidence[]; .from_tid as $f | $tids | index($f)))] }
	' "$BATS_FILE_TMPDIR/report.json" >"$ST"
	jq -e '.complete and (.charges | length > 0)' "$ST" >/dev/null
	ID=$(jq -r .id "$ST")
	rm "$BATS_TEST_TMPDIR/act.out"
}

# Pages charged to an address space, in all; to any without one.
sum_of() { jq --arg mm "${1-}" '[.charges[] | select($mm == "" or .mm == $mm) | .pages] | add' "$ST"; }
sums_are_zero() {
	local mm
	same "sum" "$(sum_of)" 0
	for mm in $(jq -r '.charges[].mm' "$ST" | sort -u); do same "sum of $mm" "$(sum_of "$mm")" 0; done
}
said() { jq -r '.drift[] | .sentence, (.evidence[] | .text)' "$ST"; }
answered() { jq -r '[.drift[] | "\(.answer)/\(.grade)"] | unique | join(" ")' "$ST"; }
text_report() { cat "$BATS_FILE_TMPDIR/report.txt"; }

@test "map and unmap: charged once, credited once, by the page" {
	of_act pci-cycle
	same "drift" "$(answered)" ""
	jq -e --argjson n "$((A[size] / 4096))" '.charges | length == 2 and .[0].pages == $n and .[0].op == "map" and .[1].pages == -$n and
		.[1].op == "unmap" and .[0].mm == .[1].mm and .[0].after - .[0].before == $n and .[1].after == .[0].before' "$ST"
	sums_are_zero
}

@test "exec, restore, unmap: the time in which nobody is charged, or the credit that makes VmLck wrap" {
	local pages old new
	of_act pci-exec
	pages=$((A[size] / 4096))
	old=$(jq -r --argjson t "${A[tgid]}" 'first(.events[] | select(.type == "exec" and .tgid == $t) | .old_mm)' "$ST")
	new=$(jq -r --argjson t "${A[tgid]}" 'first(.events[] | select(.type == "exec" and .tgid == $t) | .mm)' "$ST")
	same "old mm" "$(sum_of "$old")" "$pages"
	if credits_wrongly; then
		same "drift" "$(answered)" yes/proven
		same "new mm" "$(sum_of "$new")" "-$pages"
		said | grep -F "unmap credited 2M to $new, whose locked_vm went from 0 to -2M; they had been charged to $old"
		same "VmLck, as the act saw it" "${A[successor_vmlck]}" "*18446744073709549568*"
		text_report | grep -F "VmLck: 18446744073709549568 kB"
	else
		same "drift" "$(answered)" no/null
		same "new mm" "$(sum_of "$new")" 0
		said | grep -E "2M stayed pinned and charged to nobody for [0-9.]+(us|ms|s), from exec on"
		jq -e --arg id "$ID" --argjson n "$pages" '.uncharged | length == 1 and all(.[]; .container == $id and .pages == $n and .left_pages == 0 and .ns > 0 and .by == "exec")' "$ST"
		text_report | grep -E "Uncharged [0-9]+ times?, longest"
	fi
}

@test "exec, and memory of the device is unmapped, which nobody is charged for: what is pinned stays so until it is unmapped itself" {
	local pages
	! credits_wrongly || skip "row $KERNEL credits the address space of the moment"
	of_act pci-memory
	pages=$((A[size] / 4096))
	[ "${A[device_memory_unmapped]}" -gt 0 ]
	same "unmapped" "$(jq -c '[.events[] | select(.type == "unmap") | [.size, .uncredited, .counted]]' "$ST")" \
		"\[\[${A[device_memory]},0,true\],\[$((A[size])),$pages,true\]\]"
	same "drift" "$(answered)" no/null
	said | grep -F "2M stayed pinned and charged to nobody"
	jq -e --arg id "$ID" --argjson n "$pages" '.uncharged | length == 1 and all(.[]; .container == $id and .pages == $n and .left_pages == 0 and .by == "exec")' "$ST"
}

@test "a hand-over between living processes sums to zero, and raises no alarm" {
	of_act charge-type1
	same "drift" "$(answered)" ""
	sums_are_zero
	credits_wrongly || same "VmLck of the new one" "${A[child_vmlck]}" "${A[mapped_vmlck]}"
	jq -e '.uncharged == []' "$ST"
}

@test "what a dying address space leaves is no leak" {
	of_act charge-drop
	[[ $(answered) != *yes* && $(answered) != *tell* ]]
}

@test "by device: what its driver has charged with its pins, and credited" {
	local rec=$BATS_TEST_TMPDIR/d.fdpin charged
	need_mdev
	record_begins "$rec"
	"$progs/act_plain" --timeout 60 </dev/null >"$BATS_TEST_TMPDIR/act.out" 2>&1 3>&- 4>&-
	record_ends
	load_act
	"$fdpin" report -i "$rec" -j >"$ST"
	valid "$ST" "$top/dist/fdpin-trace-status.schema.json"
	charged=$(jq -r --arg u "${A[uuid]}" 'first(.events[] | select(.type == "pin" and .device_name == $u) | .device) as $d
		| [.events[] | select(.type == "charge" and .device == $d and .pages > 0) | .pages] | add' "$ST")
	[ "$charged" -gt 0 ]
	jq -e --arg u "${A[uuid]}" --argjson n "$charged" '[.ledger.devices[] | select(.name == $u)] | length == 1 and all(.[]; .charged_pages == $n
		and .credited_pages == $n and .balance_pages == 0 and .pinned_pages == .unpinned_pages and .closed_ts_ns > 0)' "$ST"
	"$fdpin" report -i "$rec" | grep -E "^vfio-[0-9a-f]+ +${A[uuid]} +- +- +0 .* 0\$"
}

@test "an exec before anybody looked: pinned, and charged to an address space that is gone" {
	! credits_wrongly || skip "row $KERNEL does not keep the address space with the range"
	act charge --what keep --pci "$(group)"
	"$fdpin" status -j >"$ST"
	ID=$(jq -r --argjson t "${A[tgid]}" 'first(.containers[] | select(any(.holders[]; .tgid == $t)) | .id)' "$ST")
	same "answer" "$(answer drift)" yes/proven
	jq -r '.verdicts[].sentence' "$ST" | grep -F "256K of $ID stay pinned"
	run "$fdpin" status --check
	[ "$status" -eq 1 ]
	[[ $output == "WARNING drift $ID |"* ]]
}

@test "iommufd, charged to the user: exec and CHANGE_PROCESS, and both to and fro, are right" {
	need_iommufd
	for what in user several; do
		of_act charge-$what
		same "change" "${A[changed_change]-}${A[again_change]-}" ok
		same "drift of $what" "$(answered)" ""
		sums_are_zero
	done
}

@test "iommufd: charged when the first device joins, credited when the last one leaves, by itself and with its file" {
	local pages
	need_iommufd
	of_act charge-attach
	pages=$((${A[attached_vmpin]} / 4))
	same "drift" "$(answered)" ""
	[ "$pages" -gt 0 ]
	same "VmPin before" "${A[mapped_vmpin]} ${A[detached_vmpin]} ${A[closed_vmpin]}" "0 0 0"
	same "charges" "$(jq -c '[.charges[] | [.op, .pages]]' "$ST")" \
		"\[\[\"attach\",$pages\],\[\"detach\",-$pages\],\[\"attach\",$pages\],\[\"@(close|detach)\",-$pages\]\]"
	sums_are_zero
}

# The address space goes first, then the files: pinned_vm is credited all the same, as that takes no process.
@test "iommufd: pages that a mediated device has pinned are credited at the end of who is killed" {
	local before warned='WARNING: .*iommufd/\(io_pagetable\|pages\)\.c'
	need_iommufd
	need_mdev
	before=$(dmesg | grep -c "$warned" || true)
	record_begins "$BATS_TEST_TMPDIR/r.fdpin"
	act list out="$BATS_TEST_TMPDIR/list" iommu ioas mcdev anon=64k map=64k pin=7
	kill -KILL "$ACT_PID"
	wait "$ACT_PID" || true
	record_ends
	"$fdpin" report -i "$BATS_TEST_TMPDIR/r.fdpin" -j >"$ST"
	same "charges" "$(jq -c --argjson t "$ACT_PID" '[.events[] | select(.type == "charge" and .tgid == $t) | [.op, .pages, .account]]' "$ST")" \
		'\[\["pin",7,"none"\],\["unpin",-7,"none"\]\]'
	jq -e '.complete and ([.ledger.accounts[], .ledger.devices[] | .balance_pages] | length > 1 and all(. == 0))' "$ST"
	same "warnings" "$(dmesg | grep -c "$warned" || true)" "$before"
}

@test "iommufd, charged nowhere: CHANGE_PROCESS leaves pinned_vm behind, and VmPin wraps" {
	need_iommufd
	of_act charge-none
	same "VmPin, as the act saw it" "${A[end_vmpin]}" 18446744073709551360
	same "drift" "$(answered)" yes/proven
	said | grep -E "IOMMU_IOAS_CHANGE_PROCESS gave $ID to mm-[0-9a-f]+, but 256K stay charged to mm-"
	said | grep -E "unmap credited 256K to mm-[0-9a-f]+, whose pinned_vm went from 0 to -256K"
	text_report | grep -F "VmPin: 18446744073709551360 kB"
}

@test "iommufd, charged to the address space: CHANGE_PROCESS fails and leaves a charge" {
	need_iommufd
	of_act charge-mm
	same "change" "${A[changed_change]}" EINVAL
	same "VmLck, as the act saw it" "${A[end_vmlck]}" 256
	same "drift" "$(answered)" yes/proven
	said | grep -E "change-process charged 256K to mm-[0-9a-f]+ and failed, as mm-[0-9a-f]+ could not be credited \(EINVAL\)"
}

# The reasons that trace --errors gives for the calls of an act, in their order.
errors_of() { # OPTION…
	"$fdpin" trace --errors -j -q -o "$BATS_TEST_TMPDIR/errors" -- "$progs/act_errors" --timeout 60 "$@" >"$BATS_TEST_TMPDIR/act.out"
	load_act
	jq -r 'select(.type == "because") | .text' "$BATS_TEST_TMPDIR/errors" >"$BATS_TEST_TMPDIR/why"
	jq -r 'select(.type == "refuse") | .result' "$BATS_TEST_TMPDIR/errors" >"$BATS_TEST_TMPDIR/results"
}

# In the next line there is why the act's call NAME failed with ERRNO.
NTH=0
why() { # NAME ERRNO TEXT…
	local text
	NTH=$((NTH + 1))
	same "$1" "${A[$1]}" "$2"
	for text in "${@:3}"; do
		sed -n "${NTH}p" "$BATS_TEST_TMPDIR/why" | grep -F "$text" || {
			echo "$1: not '$text', but '$(sed -n "${NTH}p" "$BATS_TEST_TMPDIR/why")'" >&2
			return 1
		}
	done
}
no_more() {
	same "calls that failed" "$(wc -l <"$BATS_TEST_TMPDIR/why")" $NTH
	same "events of them" "$(wc -l <"$BATS_TEST_TMPDIR/results")" $NTH
}

@test "trace --errors: which check of type1, and which number" {
	local other=()
	! refuses || other=(--other "/dev/vfio/$(sed -n 2p "$RUN/pci-groups")")
	echo 3 >$LIMIT
	errors_of --what type1 --pci "$(group)" "${other[@]}"
	echo "$ENTRIES" >$LIMIT
	why unreadable EFAULT "the argument itself cannot be read"
	why argsz EINVAL "argsz is 16, and the argument has 32 bytes"
	why flags EINVAL "flags 0x100 are none of this call"
	why align EINVAL "iova 0x100000008 is no multiple of the smallest page of the IOMMU, 4K"
	why noflags EINVAL "neither VFIO_DMA_MAP_FLAG_READ nor _WRITE is given"
	why both EINVAL "VFIO_DMA_MAP_FLAG_VADDR goes with neither _READ nor _WRITE"
	why empty EINVAL "size is 0"
	why wraps '@(EINVAL|EOVERFLOW)' "iova 0xfffffffffffff000 and size 0x2000 go beyond the last address"
	why outside EINVAL "0x1000000000000000-0x1000000000000fff is outside of what the IOMMU can address"
	why msi EINVAL "0xfee00000-0xfee00fff is outside of what the IOMMU can address, or touches a reserved region"
	why fault EFAULT "the memory at 0x1000"
	why exists EEXIST "overlaps 0x100001000-0x100001fff"
	why nospace ENOSPC "no range is left: 0 more could be mapped"
	why cut EINVAL "0x100001000-0x100001fff begins or ends in the middle of a range"
	why unmap_empty EINVAL "size is 0, and VFIO_DMA_UNMAP_FLAG_ALL is not given"
	why unmap_all EINVAL "VFIO_DMA_UNMAP_FLAG_ALL goes with iova 0 and size 0"
	why unmap_flags EINVAL "flags 0x100 are none of this call"
	why valid EINVAL "no range of the container is invalid"
	why again EINVAL "is invalid already (1 is)"
	! refuses || why attach EBUSY "1 range of the container is invalid: no group may join until all are valid"
	why length EINVAL "the range at 0x100000000 is not invalid, or does not begin there, or is not 4096 bytes long; 1 range is invalid"
	why nothing ENOENT "no range is mapped at 0x100040000"
	# 20K were used, 512K asked for, in as many pieces as the memory is in
	why limit ENOMEM "RLIMIT_MEMLOCK is 256K, " ": 276K too much"
	no_more
}

@test "trace --errors: what is mapped keeps a group from joining" {
	need_mdev
	errors_of --what joins --pci "$(group)"
	why msi EINVAL "a range is mapped where the group has a reserved region"
	why far '@(EFAULT|EINVAL|ERANGE)' "its IOMMU can" # whether it is asked first, or found out
	why nothing EFAULT "the memory of a range that is mapped is not there"
	why limit ENOMEM "RLIMIT_MEMLOCK is 256K, " "(locked_vm of the address space)" ": 256K too much"	# in as many pieces as the memory is in
	same joins "${A[joins]}" ok
	no_more
}

@test "a call that cannot write its answer has failed, and is told as done nevertheless" {
	errors_of --what unanswered --pci "$(group)"
	why invalidate EFAULT "the answer could not be written to the argument: what was asked for is done nevertheless"
	same restore "${A[restore]}" ok
	why unmap EFAULT "what was asked for is done nevertheless"
	same map "${A[map]}" ok
	no_more
	wait_line "\"tgid\":${A[tgid]},.*\"op\":\"unmap\"" "$LIVE"
	same "told" "$(jq -r --argjson t "${A[tgid]}" 'select(.tgid == $t and (.type | IN("refuse", "invalidate", "revalidate"))) | .type' "$LIVE" | xargs)" \
		"refuse invalidate revalidate refuse"
}

@test "trace --errors: a mediated device keeps an address from becoming invalid" {
	need_mdev
	need_refusal
	errors_of --what mdev
	why mediated EBUSY "a mediated device is in the container: its driver could need an address at any time"
	no_more
}

# The two functions of one slot, without what would keep them apart: BDF of both, and their group.
two_of_a_group() {
	local second
	for second in /sys/bus/pci/devices/*.1; do
		[ "$(cat "$second/vendor")" = 0x1af4 ] || continue
		SECOND=${second##*/}
		FIRST=${SECOND%.1}.0
		TWO=$(basename "$(realpath "$second/iommu_group")")
		# with the port above them, on some kernels
		same "group of $FIRST and $SECOND" "$(ls "/sys/kernel/iommu_groups/$TWO/devices" | xargs)" "*$FIRST $SECOND"
		return 0
	done
	echo "no device of two functions here" >&2
	return 1
}
driver_of() { basename "$(realpath "/sys/bus/pci/devices/$1/driver")"; }
give() { # BDF DRIVER
	echo "$2" >"/sys/bus/pci/devices/$1/driver_override"
	[ ! -e "/sys/bus/pci/devices/$1/driver" ] || echo "$1" >"/sys/bus/pci/devices/$1/driver/unbind"
	echo "$1" >/sys/bus/pci/drivers_probe
	same "driver of $1" "$(driver_of "$1")" "$2"
}

@test "trace --errors: the kernel has a device of the group, and how many" {
	local before
	two_of_a_group
	before=$(driver_of "$FIRST")
	same "driver of $SECOND" "$(driver_of "$SECOND")" "$before"
	give "$SECOND" vfio-pci
	errors_of --what viable --pci "/dev/vfio/$TWO" --other "$(group)"
	why empty EPERM "1 device of group $TWO has a driver of the kernel's: each in /sys/kernel/iommu_groups/$TWO/devices has to be given to vfio-pci"
	why other EPERM "1 device of group $TWO has a driver of the kernel's"
	no_more
	NTH=0
	if has_iommufd; then
		errors_of --what bound --pci "$(cdev_of "$SECOND")"
		why bind EPERM "1 device of group $TWO has a driver of the kernel's: each in /sys/kernel/iommu_groups/$TWO/devices has to be given to vfio-pci"
		no_more
		NTH=0
	fi
	give "$FIRST" vfio-pci
	if has_iommufd; then
		errors_of --what bound --pci "$(cdev_of "$SECOND")"
		same "bind with none" "${A[bind]}" ok
		no_more
	fi
	errors_of --what viable --pci "/dev/vfio/$TWO" --other "$(group)"
	same "with none" "${A[empty]} ${A[other]}" "ok ok"
	no_more
	give "$FIRST" "$before"
	give "$SECOND" "$before"
}

# The kernel warns of such a driver, and goes on; type1 would end with a BUG.
@test "trace --errors: the driver of a mediated device does not give back what it has pinned" {
	local before warned='WARNING: .*iommufd/io_pagetable\.c'
	need_iommufd
	need_mdev
	before=$(dmesg | grep -c "$warned" || true)
	errors_of --what kept
	why kept EDEADLK "the driver of a mediated device was asked a hundred times for what it has pinned in ioas ${A[ioas]}, and has not given all of it back"
	same given "${A[given]}" ok
	no_more
	same "warnings" "$(dmesg | grep -c "$warned")" $((before + 1))
}

@test "trace --errors: which check of iommufd, and which number" {
	need_iommufd
	errors_of --what iommufd --pci "$(cdev)"
	why attach_argsz EINVAL "argsz is 8, and the argument has 12 bytes"
	why attach_flags EINVAL "flags 0x100 are none of this call"
	why attach_nothing ENOENT "there is no ioas or page table 9999"
	why attach_device EINVAL "is no ioas and no page table"
	why attach_msi EADDRINUSE "is where the device has a reserved region"
	why attach_far EADDRINUSE "or beyond what its IOMMU can address"
	why attach_fault EFAULT "the memory of an area of ioas"
	why attach_limit ENOMEM "RLIMIT_MEMLOCK is 256K, 0 of it are used (locked_vm of the user)" ": 256K too much"
	why overlap EEXIST "0x100000000-0x100003fff overlaps an area of ioas"
	why flags EOPNOTSUPP "flags 0x100 are none of this call"
	why noflags EINVAL "neither IOMMU_IOAS_MAP_READABLE nor _WRITEABLE is given"
	why empty EINVAL "length is 0"
	why align EINVAL "iova 0x100008008, length 0x1000 or address"
	why wraps EOVERFLOW "0xfffffffffffff000 and length 0x2000 go beyond the last address"
	why outside EINVAL "0x1000000000000000-0x1000000000000fff is outside of what the page tables"
	why fault EFAULT "the memory is not there"
	why unreadable EFAULT "the argument itself cannot be read"
	why short EINVAL "size is 16, and the argument has at least 40 bytes"
	why long E2BIG "the argument has 48 bytes, and beyond those that this kernel knows not all are 0"
	why nospace ENOSPC "no free space of 0x100000000000000 bytes is left in ioas"
	why copy EPERM "the memory may only be read, and writing is asked for"
	why copy_nothing ENOENT "or nothing is mapped at 0x10000c000 of the source"
	why nofile EBADF "the file descriptor is none"
	why exe EINVAL "or is of a kind that cannot be mapped"
	why beyond EINVAL "or the file has no such part"
	why change EINVAL "an area is not mapped from a file"
	why nothing ENOENT "no area begins at 0x100040000"
	why cut ENOENT "no area begins at 0x100001000 and ends at 0x100001fff"
	why unmap_empty EINVAL "length is 0"
	why limit ENOMEM "RLIMIT_MEMLOCK is 256K, " ": 272K too much"
	why noioas ENOENT "there is no ioas 9999"
	why vfio_noioas ENODEV "there is no ioas for VFIO's calls in this context"
	why vfio_overlap EEXIST "overlaps an area of ioas"
	why vfio_short EINVAL "argsz is 16, and the argument has 32 bytes"
	why vfio_flags EINVAL "flags 0x100 are none of this call"
	why vfio_align EINVAL "is no multiple of the page"
	why vfio_again EINVAL "iommufd has no VFIO_DMA_MAP_FLAG_VADDR"
	why vfio_invalid EINVAL "iommufd has no VFIO_DMA_UNMAP_FLAG_VADDR"
	why vfio_dirty EINVAL "VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP is none of the flags"
	why vfio_all EINVAL "VFIO_DMA_UNMAP_FLAG_ALL goes with iova 0 and size 0"
	why vfio_empty EINVAL "size is 0"
	why change_limit ENOMEM "RLIMIT_MEMLOCK is 24K, 16K of it are used (locked_vm of the user), and 16K more were asked for: 8K too much"
	no_more
}
