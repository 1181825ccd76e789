#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What status says of containers, line by line beside independent referees (referee.py): the acting program's own list, /proc/*/fd, sysfs, maps, VmLck, VmPin, limits.

load helpers
load referees

teardown() { common_teardown; }

# ---- type1 --------------------------------------------------------------------------

@test "type1: no group; a mediated device and no range; ranges of every kind of memory; each held twice" {
	local mdev=()
	if has_mdev; then
		mdev=(type1 mdev driver type1 mdev driver anon=1m map=64k map=64k,r skip=128k map=64k,w shared=1m skip=64k map=128k
			sysv=256k map=256k memfd=1m skip=512k map=512k)
		[ ! -c /dev/udmabuf ] || mdev+=(udmabuf=64k map=64k)
	fi
	agree type1 again "${mdev[@]}" child sharer
}

@test "type1: IOMMU-backed, with its own region and an invalid range; IOMMU-backed and mediated in one" {
	local both=(type1 "$(pci 1)" driver memfd=256k map=128k skip=128k map=64k) pins='\[0,0\]'
	if has_mdev; then
		both=(type1 "$(pci 1)" mdev driver open memfd=256k map=128k pin=7 skip=128k map=64k) pins='\[7,0\]'
	fi
	agree "${both[@]}" type1 "$(pci 2)" driver open anon=256k map=256k bar=0,64k map=64k memfd=256k skip=64k map=64k,r map=64k invalidate
	same "pins" "$(jq -c --arg n "$(bdf 1)" \
		'[.containers[] | select(any(.devices[]; .name == $n)) | .ranges[].pinned_pages]' "$ST")" "$pins"
	jq -e '([.containers[].ranges[] | select(.valid | not)] | length == 1) and ([.containers[].ranges[].backing.kind] | index("mmio"))
		and all(.containers[].devices[]; .pinned_pages == if .backed == "mdev" then 7 else null end)' "$ST"
}

@test "a container whose file is closed: its device, its ranges and their memory are there, and nobody has it" {
	local groups=("$(pci 1)")
	! has_mdev || groups+=(mdev)
	agree type1 "${groups[@]}" driver open memfd=256k map=128k skip=128k map=64k close
}

@test "files: named, deleted meanwhile, with line breaks and escape sequences in their names, of 2 MiB pages, unmapped" {
	echo 8 >/proc/sys/vm/nr_hugepages
	agree type1 "$(pci 1)" driver file="shmem:/tmp/plain:64k" map=64k gone="shmem:/tmp/gone:64k" map=64k \
		file="shmem:/tmp/$(printf 'a\nb\033[2J\302\233\\n(deleted)\377'):64k" map=64k \
		gone="shmem:/tmp/$(printf 'x\ry \033]0;t\007'):64k" map=64k \
		huge=4m map=2m skip=2m map=2m file="hugetlbfs:/dev/hugepages/$(printf 'h\033'):2m" map=2m \
		gone="hugetlbfs:/dev/hugepages/gone:2m" map=2m memfd=64k map=64k forget
	same "sizes of pages" "$(jq -c '[.containers[].ranges[].backing | select(.kind == "hugetlbfs") | .page_size]' "$ST")" \
		'\[2097152,2097152,2097152,2097152\]'
	"$fdpin" status >"$BATS_TEST_TMPDIR/text"
	! LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177]')" "$BATS_TEST_TMPDIR/text"
}

@test "pages of 1 GiB" {
	[ "$(cat /sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages 2>/dev/null || echo 0)" -gt 0 ] ||
		skip "this machine was started without any: check-vm starts one with, when it is asked for this file by name"
	agree type1 "$(pci 1)" driver giga=1g map=1g
	jq -e '[.containers[].ranges[].backing.page_size] == [1073741824]' "$ST"
}

@test "a 32-bit client that maps memory of its own in a container it was given" {
	agree type1 "$(pci 1)" driver memfd=64k map=64k thirtytwo=65536
	jq -e '[.containers[].ranges[].mm] | unique | length == 2' "$ST"
}

# ---- rights -------------------------------------------------------------------------

@test "a user without rights gets an answer that says so, and never waits" {
	local user=(timeout 60 setpriv --reuid 65534 --regid 65534 --clear-groups "$fdpin")
	act list type1 "$(pci 1)" driver memfd=64k map=64k
	run "${user[@]}" status --check
	same "status" "$status" 3
	[[ $output == *UNKNOWN*" | "*"deadlocks=U"* ]]
	run "${user[@]}" status --check=npd
	same "status for npd" "$status" 2
	run "${user[@]}" status
	echo "$status: $output"
	[ "$status" != 0 ] && [ "$status" != 124 ]
	[[ $output == *root* || $output == *CAP_* ]]
	"${user[@]}" status -j >"$ST" || true
	jq -e '.complete == false and (.gaps | length > 0) and all(.verdicts[]; .answer == "cannot-tell")' "$ST"
}

# ---- iommufd ------------------------------------------------------------------------

@test "iommufd: areas of addresses and of files, a device behind the IOMMU and a mediated one" {
	need_iommufd
	agree iommu ioas "$(cdev 1)" again anon=1m map=64k skip=64k map=64k,r memfd=1m skip=256k map=128k file-map=128k,r \
		shared=64k map=64k file=shmem:/tmp/named:64k file-map=64k gone=shmem:/tmp/unnamed:64k file-map=64k \
		ioas memfd=64k map=64k udmabuf=64k map=64k iommu ioas mcdev anon=64k map=64k iommu iommu ioas child
	jq -e '([.containers[] | select(.type == "iommufd") | .devices[].ioas] | all(. != null))
		and ([.containers[].ioases // [] | .[] | select(.hwpts > 0)] | length == 1)' "$ST"
}

@test "iommufd: large pages, and a region of a device as a dma-buf" {
	need_iommufd
	echo 8 >/proc/sys/vm/nr_hugepages
	agree iommu ioas "$(cdev 1)" huge=4m map=2m skip=2m file-map=2m bar-dmabuf=0,64k file-map=64k
	same "what was mapped" "$(jq -c '[.containers[].ranges[].source]' "$ST")" '\["user","file","dma-buf"\]'
	same "sizes of pages" "$(jq -c '[.containers[].ranges[].backing.page_size]' "$ST")" '\[2097152,2097152,null\]'
}

@test "iommufd: a context whose file is closed, and one that a mediated device has pages pinned of" {
	need_iommufd
	agree iommu ioas "$(cdev 1)" memfd=64k map=64k close iommu ioas mcdev memfd=256k map=256k pin=7
	same "pins" "$(jq -c '[.containers[] | select(.devices[0].backed == "mdev") | .ranges[].pinned_pages]' "$ST")" '\[7\]'
}

@test "iommufd: what is charged to the process, and to the user, without CAP_IPC_LOCK" {
	need_iommufd
	agree iommu rlimit=1 ioas "$(cdev 1)" nolock memfd=1m map=64k file-map=64k iommu ioas "$(cdev 2)" anon=64k uid=65534 map=64k
	same "charged" "$(jq -c '[.containers[].ranges[] | "\(.charged_pages) \(.account)"] | sort' "$ST")" '\["16 mm","16 mm","16 user"\]'
	same "of the user" "$(jq -c '[.users[] | select(.uid == 65534).locked_vm_pages]' "$ST")" '\[16\]'
}

@test "iommufd: VFIO's own calls on it, told from the real container" {
	need_iommufd
	agree compat "$(pci 1)" driver memfd=64k map=64k anon=64k map=64k,r type1 "$(pci 2)" driver anon=64k map=64k \
		compat mdev driver memfd=64k map=64k compat again
	same "types" "$(jq -c '[.containers[].type] | sort' "$ST")" '\["iommufd","iommufd","iommufd","type1"\]'
}
