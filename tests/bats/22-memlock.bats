#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# status --memlock: the number that is printed passes as the limit, and one page less fails; now, and with one more device.

load helpers

setup() { TRIES=0; }
teardown() { common_teardown; }

need_iommufd() { [ "$KERNEL" = iommufd ] || skip "row $KERNEL has no iommufd"; }
groups() { echo --pci "/dev/vfio/$(sed -n 1p "$RUN/pci-groups")" --other "/dev/vfio/$(sed -n 2p "$RUN/pci-groups")"; }
cdev() { echo "/dev/vfio/devices/$(ls "/sys/bus/pci/devices/$(awk -v n="$1" 'NR == n { print $1 }' "$RUN/pci")/vfio-dev")"; }
cdevs() { echo --pci "$(cdev 1)" --other "$(cdev 2)"; }

# What is told of the act's process, once.
need() {
	"$fdpin" status --memlock -j -p "${A[tgid]}" >"$ST"
	jq -e --argjson t "${A[tgid]}" '[.memlock[] | select(.tgid == $t)] | length == 1' "$ST" >/dev/null
}
told() { jq -r --argjson t "${A[tgid]}" --arg key "$1" '.memlock[] | select(.tgid == $t) | .[$key]' "$ST"; }

# With this limit the act maps (USR1: the same again, USR2: in the second container too), and that comes out.
with_limit() { # BYTES SIGNAL WANTED
	TRIES=$((TRIES + 1))
	prlimit --pid "${A[tgid]}" --memlock="$1:"
	kill -"$2" "${A[tgid]}"
	wait_line "^try_$TRIES=" "$BATS_TEST_TMPDIR/act.out"
	load_act
	same "limit $1, $2" "${A[try_$TRIES]}" "$3"
}

exact() {
	local now more
	need
	now=$(told now_bytes) more=$(told separate_bytes)
	[ "$now" -ge "$((A[size]))" ]
	same "own" "$(told own_bytes)" "${A[size]}"
	same "+1" "$(told shared_bytes)" "$now"
	same "+1 vIOMMU" "$more" $((now + A[size]))
	with_limit $((now - 4096)) USR1 ENOMEM
	with_limit "$now" USR1 ok
	with_limit $((more - 4096)) USR2 ENOMEM
	with_limit $((more - 1)) USR2 ENOMEM # the kernel rounds a limit down to pages
	with_limit "$more" USR2 ok
	need
	same "now, as before" "$(told now_bytes)" "$now"
	valid "$ST" "$top/dist/fdpin-trace-status.schema.json"
}

# An act, in a recording that ends while it lives.
recorded() { # OPTION OF THE ACT…
	record_begins "$BATS_TEST_TMPDIR/r.fdpin"
	act memlock "$@"
	record_ends
	"$fdpin" report -i "$BATS_TEST_TMPDIR/r.fdpin" -j >"$ST"
	valid "$ST" "$top/dist/fdpin-trace-status.schema.json"
	MM=$(jq -r --argjson t "${A[tgid]}" 'first(.events[] | select(.type == "charge" and .tgid == $t) | .mm)' "$ST")
}
# What is in a counter, of it in the books, and others'.
parts() { # locked_vm|pinned_vm
	jq -r --arg mm "$MM" --arg c "$1" '.ledger.counters[] | select(.mm == $mm and .counter == $c) | "\(.pages) \(.booked_pages) \(.other_pages) \(.certain)"' "$ST"
}

@test "the ledger: what mlock has in the counter is no charge, and is told apart by the page" {
	local n
	recorded --what type1 $(groups)
	n=$((A[size] / 4096))
	same "locked_vm" "$(parts locked_vm)" "$((n + 16)) $n 16 true"
	same "pinned_vm" "$(parts pinned_vm)" "0 0 0 true"
	"$fdpin" report -i "$BATS_TEST_TMPDIR/r.fdpin" | grep -E "^$MM +locked_vm .* 64K\$"
}

@test "the ledger, iommufd: mlock is in locked_vm and not in pinned_vm" {
	local n
	need_iommufd
	recorded --what mm $(cdevs)
	n=$((A[size] / 4096))
	same "locked_vm" "$(parts locked_vm)" "$((n + 16)) $n 16 true"
	same "pinned_vm" "$(parts pinned_vm)" "$n $n 0 true"
}

@test "type1: mm->locked_vm, with what mlock has locked, by the page" {
	act memlock --what type1 $(groups)
	exact
	same "counter" "$(told counter)" mm
	same "own and mlock" "$(told now_bytes)" $((A[size] + 65536))
	same "mlock" "$(told other_bytes)" 65536
	prlimit --pid "${A[tgid]}" --memlock="$(told now_bytes):"
	"$fdpin" status --memlock -p "${A[tgid]}" | tr -s '\n ' ' ' >"$BATS_TEST_TMPDIR/text"
	grep -F "may lock $(($(told now_bytes) / 1024)) KiB, and one more device behind a vIOMMU needs $(($(told separate_bytes) / 1024))" "$BATS_TEST_TMPDIR/text"
	grep -F "the difference, 64 KiB, is what mlock and its like have locked" "$BATS_TEST_TMPDIR/text"
	grep -E "Entries vfio-[0-9a-f]+: [0-9]+ of [0-9]+ ranges are left" "$BATS_TEST_TMPDIR/text"
}

@test "iommufd: user->locked_vm, of all of the user's processes, by the page" {
	need_iommufd
	act memlock --what user $(cdevs)
	exact
	same "counter" "$(told counter)" user
}

@test "iommufd with the rlimit mode of the address space: mm->locked_vm, by the page" {
	need_iommufd
	act memlock --what mm $(cdevs)
	exact
	same "counter" "$(told counter)" mm
	same "own and mlock" "$(told now_bytes)" $((A[size] + 65536))
	same "mlock" "$(told other_bytes)" 65536
}

@test "the peak is told of the looks that were taken, and of one look not" {
	act memlock --what type1 $(groups)
	need
	same "peak of one look" "$(told peak_bytes)" null
	timeout 60 "$fdpin" status --memlock -j --watch=1 -p "${A[tgid]}" >"$BATS_TEST_TMPDIR/looks" 3>&- &
	local watcher=$! now
	now=$(told now_bytes)
	wait_line peak_bytes "$BATS_TEST_TMPDIR/looks"
	with_limit 4096 USR1 ENOMEM # nothing is mapped any more
	kill -TERM $watcher
	wait $watcher || true
	jq -se --argjson n "$now" 'all(.[]; .memlock == [] or .memlock[0].peak_bytes == $n)' "$BATS_TEST_TMPDIR/looks"
}
