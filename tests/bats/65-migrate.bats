#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# migrate: the calls that it tells are made by another program, with a device attached and without: they succeed where it says so, and fail with the
# errno it says where it does not; and so does the take-over.

load helpers
load referees

setup() { FILES=$BATS_TEST_TMPDIR/ramfs; }

teardown() {
	common_teardown
	[ -z "${CALLS_PID-}" ] || kill "$CALLS_PID" 2>/dev/null || true
	umount "$FILES" 2>/dev/null || true
	rm -f /dev/hugepages/migrate /tmp/migrate
}

device() { echo "/dev/vfio/devices/$(ls "/sys/bus/pci/devices/$(bdf "$1")/vfio-dev")"; }

# What is told of the containers of the acting program, once.
told() {
	M=$BATS_TEST_TMPDIR/migrate.json
	"$fdpin" migrate -j -p "${A[tgid]}" >"$M"
	valid "$M" "$top/dist/fdpin-trace-migrate.schema.json"
	jq -e '.complete and (.containers | length == 1) and (.containers[0].partial | not)' "$M" >/dev/null || { cat "$M" >&2; return 1; }
}
pieces() { jq -r ".containers[0].pieces[] | $1" "$M"; }
ready() { jq -r '"\(.ready) \(.containers[0].change_process)"' "$M"; }
check() { "$fdpin" migrate --check -p "${A[tgid]}" >"$BATS_TEST_TMPDIR/check" && echo 0 || echo $?; }

# The number under which a process has the context open.
context_fd() {
	local fd
	for fd in /proc/"$1"/fd/*; do
		[ "$(readlink "$fd")" != /dev/iommu ] || { echo "${fd##*/}"; return; }
	done
}

# Lines for tests/progs/calls; what it says of each.
calls() { "$progs/calls" "$(device 2)"; }
take_over() { printf 'hold %s %s\nchange\n' "${A[tgid]}" "$(context_fd "${A[tgid]}")" | calls | tail -n 1; }

every_kind() {
	mkdir -p "$FILES"
	mount -t ramfs none "$FILES"
	echo 8 >/proc/sys/vm/nr_hugepages
	KINDS=(memfd=1m skip=64k map=128k "file=shmem:/tmp/migrate:64k" map=64k,r huge=2m map=2m "file=hugetlbfs:/dev/hugepages/migrate:4m" skip=2m map=2m
		"file=file:$FILES/named:64k" map=64k anon=64k map=64k shared=64k map=64k bar=0,64k map=64k udmabuf=64k map=64k)
	WHYS="has-file has-file has-file has-file file-system anonymous nameless mmio mmio"
}

@test "every kind of memory: why, and calls that succeed, or fail, as is said" {
	every_kind
	act list out="$LIST" iommu "$(cdev 1)" ioas "${KINDS[@]}"
	told
	same "whys" "$(pieces .why | xargs)" "$WHYS"
	same "ready" "$(ready)" "no no"
	same "who refuses" "$(pieces .refuses | sort -u)" true
	same "offsets" "$(pieces 'select(.call) | .call.start' | xargs)" "65536 0 0 2097152 0"
	same "errnos" "$(pieces 'select(.call) | .call.errno' | xargs)" "null null null null EINVAL"
	pieces 'select(.call) | .call | "map \(.tgid) \(.fd) \(.start) \(.length) \(.iova) \(.flags)"' >"$BATS_TEST_TMPDIR/lines"
	pieces 'select(.call) | .call | "unattached=ok then_attach=\(.errno // "ok") attached=\(.errno // "ok")"' >"$BATS_TEST_TMPDIR/wanted"
	cat "$BATS_TEST_TMPDIR/lines"
	calls <"$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/made"
	diff "$BATS_TEST_TMPDIR/wanted" "$BATS_TEST_TMPDIR/made"
	same "take-over" "$(take_over)" "change=EINVAL"
	same "--check" "$(check)" 1
	"$fdpin" migrate -p "${A[tgid]}" >"$BATS_TEST_TMPDIR/text"
	cat "$BATS_TEST_TMPDIR/text"
	grep -q "can follow the advice below: yes" "$BATS_TEST_TMPDIR/text"
	grep -qE "CHANGE_PROCESS +would fail now with EINVAL" "$BATS_TEST_TMPDIR/text"
	[ "$(grep -c '^  ! 0x' "$BATS_TEST_TMPDIR/text")" = 9 ]
}

# Where no call is told there is none that helps: what has a descriptor at all is refused with a device attached.
@test "a device's region and a dma-buf: their descriptors are no way" {
	local fd
	act list out="$LIST" iommu "$(cdev 1)" ioas bar=0,64k map=64k udmabuf=64k map=64k
	told
	same "no call" "$(pieces .call | sort -u)" null
	for fd in /proc/"${A[tgid]}"/fd/*; do
		case $(readlink "$fd") in
		/dev/vfio/devices/*) echo "map ${A[tgid]} ${fd##*/} 0 0x10000 0x100000000 7" ;;
		/dmabuf:*) echo "map ${A[tgid]} ${fd##*/} 0 0x10000 0x100000000 7" ;;
		esac
	done >"$BATS_TEST_TMPDIR/lines"
	same "descriptors" "$(wc -l <"$BATS_TEST_TMPDIR/lines")" 2
	calls <"$BATS_TEST_TMPDIR/lines" >"$BATS_TEST_TMPDIR/made"
	cat "$BATS_TEST_TMPDIR/made"
	same "attached" "$(grep -c ' attached=E[A-Z]*$' "$BATS_TEST_TMPDIR/made")" 2
	run "$progs/act_list" iommu ioas "$(cdev 2)" bar=0,64k map=64k
	[[ $output == *"error=IOMMU_IOAS_MAP: Bad address"* ]]
}

@test "memory that no descriptor leads to, and memory that is gone" {
	act list out="$LIST" iommu "$(cdev 1)" ioas sysv=64k map=64k memfd=64k map=64k forget
	told
	same "whys" "$(pieces .why | xargs)" "nameless not-known"
	same "calls" "$(pieces .call | sort -u)" null
	same "change" "$(ready)" "no no"
	same "take-over" "$(take_over)" "change=EINVAL"
}

@test "mapped from files: another process can take over, and does" {
	every_kind
	act list out="$LIST" iommu ioas "$(cdev 1)" nolock memfd=1m skip=64k file-map=128k huge=2m file-map=2m
	told
	same "whys" "$(pieces .why | sort -u)" mapped-from-file
	same "ready" "$(ready)" "yes yes"
	same "calls" "$(pieces .call | sort -u)" null
	same "--check" "$(check)" 0
	grep -qx 'OK .*' "$BATS_TEST_TMPDIR/check"
	same "take-over" "$(take_over)" "change=ok"
}

@test "one map of addresses in another ioas refuses for all" {
	act list out="$LIST" iommu ioas memfd=64k file-map=64k ioas anon=64k map=64k
	told
	same "who refuses" "$(pieces '"\(.why) \(.refuses)"' | sort | xargs)" "anonymous true mapped-from-file false"
	same "ready" "$(ready)" "no no"
	same "take-over" "$(take_over)" "change=EINVAL"
}

@test "the limit of an address space that is gone: its charge cannot be taken over" {
	local lines=$BATS_TEST_TMPDIR/lines said=$BATS_TEST_TMPDIR/said i
	act list out="$LIST" iommu rlimit=1 ioas "$(cdev 1)" nolock memfd=64k file-map=64k
	told
	same "ready" "$(ready)" "yes yes"
	mkfifo "$lines"
	"$progs/calls" <"$lines" >"$said" 3>&- &
	CALLS_PID=$!
	exec 9>"$lines"
	echo "hold ${A[tgid]} $(context_fd "${A[tgid]}")" >&9
	wait_line held=ok "$said"
	undo
	for ((i = 0; i < 300; i++)); do [ -e "/proc/${A[tgid]}" ] || break; sleep 0.1; done
	A[tgid]=$CALLS_PID
	told
	same "whys" "$(pieces '"\(.why) \(.refuses)"')" "owner-gone true"
	same "ready" "$(ready)" "no no"
	echo change >&9
	wait_line change= "$said"
	same "take-over" "$(tail -n 1 "$said")" "change=EINVAL"
	exec 9>&-
}

@test "type1: the calls are told too, and that this container cannot make them" {
	act list out="$LIST" type1 "$(pci 1)" driver memfd=64k map=64k anon=64k map=64k
	told
	same "ready" "$(ready)" "no no-call"
	same "whys" "$(pieces .why | xargs)" "has-file anonymous"
	pieces 'select(.call) | .call | "map \(.tgid) \(.fd) \(.start) \(.length) \(.iova) \(.flags)"' >"$BATS_TEST_TMPDIR/lines"
	same "made" "$(calls <"$BATS_TEST_TMPDIR/lines")" "unattached=ok then_attach=ok attached=ok"
	same "--check" "$(check)" 1
	same "asked for nobody" "$("$fdpin" migrate --check --vm none >/dev/null && echo 0 || echo $?)" 3
}

@test "a user without rights gets an answer that says so" {
	act list out="$LIST" iommu ioas memfd=64k file-map=64k
	run timeout 60 setpriv --reuid 65534 --regid 65534 --clear-groups "$fdpin" migrate --check
	same "status" "$status" 3
	[[ $output == UNKNOWN* ]]
	run timeout 60 setpriv --reuid 65534 --regid 65534 --clear-groups "$fdpin" migrate
	same "status" "$status" 77
	[[ $output == *"Cannot tell"* ]]
}
