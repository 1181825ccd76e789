#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A VMM that others have made, QEMU as the archive has it, updates itself while it runs: to another process, which gets the files (cpr-transfer), and by
# exec (cpr-exec). What is recorded, shown and guarded of that is one hand-over. By name only: it wants a processor that can do KVM, in a boot of its own,
# and $FDPIN_VMM, a chroot with QEMU (tests/vm/chroot --vmm); tests/check-vm sees to both.

load helpers
load guard

REC=$BATS_TEST_TMPDIR/r.fdpin
REPORT=$BATS_TEST_TMPDIR/report.json

setup_file() {
	local place
	: "${FDPIN_VMM:?}"
	for place in proc sys dev tmp; do
		mkdir -p "$FDPIN_VMM/$place"
		mount --rbind "/$place" "$FDPIN_VMM/$place"
	done
	modprobe kvm_amd 2>/dev/null || modprobe kvm_intel 2>/dev/null || true
}

setup() {
	local bdf
	# emulation has what KVM wants; a machine with KVM of its own gives it to its VMs, or not
	grep -qwE 'svm|vmx' /proc/cpuinfo || skip "the KVM of this machine gives its VMs none, and QEMU 11 cannot update itself without"
	[ -c /dev/kvm ]
	DEVICES=() WITH=
	if [ "$KERNEL" = iommufd ]; then
		DEVICES=(-object iommufd,id=io)
		WITH=,iommufd=io
	fi
	while read -r bdf _; do
		DEVICES+=(-device "vfio-pci,host=$bdf,rombar=0$WITH$OPTIONS")
	done <"$RUN/pci"
}

teardown() {
	[ -n "${BATS_TEST_COMPLETED-}" ] || tail -n 20 "$BATS_TEST_TMPDIR"/*.out "$BATS_TEST_TMPDIR"/*.err >&2 2>/dev/null || true
	pkill -KILL -f 'qemu-system-x86_64 -name vm' || true
	[ -z "${RECORDER-}" ] || kill -KILL "$RECORDER" 2>/dev/null || true
	! guarded || unguard
}

# Regions of a device that are mapped as dma-bufs keep an iommufd from changing its process.
OPTIONS=
[ "$KERNEL" != iommufd ] || OPTIONS=,x-no-mmap=on

# As words of a command in VM. The interrupt controller is QEMU's, as the kernel of the row iommufd has none for KVM.
vm() { # NAME OPTION…
	local name=$1
	shift
	VM=(qemu-system-x86_64 -name "$name" -machine q35,accel=kvm,kernel-irqchip=split,aux-ram-share=on,memory-backend=ram -m 64M
		-object memory-backend-memfd,id=ram,size=64M,share=on "${DEVICES[@]}" -display none -nodefaults -serial none -monitor none
		-qmp "unix:$BATS_TEST_TMPDIR/$name.qmp,server=on,wait=off" "$@")
}
# Without CAP_IPC_LOCK if UNPRIVILEGED is set, and then with a limit that is wide enough.
UNPRIVILEGED=
start() { # NAME OPTION…
	local name=$1 limits=()
	vm "$@"
	rm -f "$BATS_TEST_TMPDIR/$name.qmp"
	[ -z "$UNPRIVILEGED" ] || limits=(prlimit --memlock=268435456 setpriv --inh-caps=-ipc_lock --bounding-set=-ipc_lock)
	(
		close_files
		exec "${limits[@]}" chroot "$FDPIN_VMM" "${VM[@]}"
	) </dev/null >"$BATS_TEST_TMPDIR/$name.out" 2>&1 &
	eval "$name=$!"
}

ask() { # NAME LINE…
	local name=$1
	shift
	printf '%s\n' "$@" | python3 "$BATS_TEST_DIRNAME/qmp.py" "$BATS_TEST_TMPDIR/$name.qmp"
}

unix() { printf '{"channel-type":"%s","addr":{"transport":"socket","type":"unix","path":"%s"}}' "$1" "$BATS_TEST_TMPDIR/$1"; }

# Runs until it has mapped its memory for good, which its firmware has a hand in.
settle() {
	local before now= i
	ask vm '{"execute":"query-status"}' | grep '"running": true'
	for ((i = 0; i < 100; i++)); do
		before=$now
		"$fdpin" status -j >"$ST"
		now=$(jq -c '[.containers[] | select(.ranges | length > 0) | .ranges]' "$ST")
		[ "$now" != "$before" ] || [ "$now" = '[]' ] || return 0
		sleep 2
	done
	return 1
}

transfer() {
	start vm2 -incoming "$(unix main)" -incoming "$(unix cpr)"
	for ((i = 0; i < 600; i++)); do
		[ ! -S "$BATS_TEST_TMPDIR/cpr" ] || break
		sleep 0.1
	done
	ask vm '{"execute":"migrate-set-parameters","arguments":{"mode":"cpr-transfer"}}' \
		'{"execute":"migrate","arguments":{"channels":['"$(unix main),$(unix cpr)"']}}' 'wait completed' >"$BATS_TEST_TMPDIR/migrate.out"
	grep '"status": "completed"' "$BATS_TEST_TMPDIR/migrate.out" || return 1
	ask vm2 '{"execute":"query-status"}' | grep -v error
}

by_exec() {
	local command
	vm vm2 -incoming "file:$BATS_TEST_TMPDIR/state"
	command=$(printf '%s\n' "${VM[@]}" | jq -Rsc 'split("\n")[:-1]')
	ask vm '{"execute":"migrate-set-parameters","arguments":{"mode":"cpr-exec","cpr-exec-command":'"$command"'}}' \
		'{"execute":"migrate","arguments":{"channels":[{"channel-type":"main","addr":{"transport":"file","filename":"'"$BATS_TEST_TMPDIR"'/state","offset":0}}]}}' \
		gone 'wait completed' >"$BATS_TEST_TMPDIR/migrate.out"
	vm2=$vm
	ask vm2 '{"execute":"query-status"}' | grep '"running": true'
}

quits() { # NAME
	ask "$1" gone '{"execute":"quit"}'
	wait "${!1}"
}

# The recording stays, to be looked at; tests/golden has some.
reported() {
	record_ends
	"$fdpin" report -i "$REC" -j >"$REPORT"
	"$fdpin" report -i "$REC" >"$REPORT.text"
	jq -e .complete "$REPORT"
	cp "$REC" "$O/tests/vmm.$KERNEL.$BATS_TEST_NUMBER.fdpin"
}

verdicts() { jq -r '[.verdicts[] | select(.answer != "no") | "\(.name) \(.answer) \(.sentence)"] | join("; ")' "${1:-$REPORT}"; }
# What the calls of that kind, of this QEMU, came to: "2x0 1x-22"
came_to() { jq -r --arg t "$1" '[.events[] | select(.type == $t and (.comm | startswith("fdpin") | not)) | .result] | group_by(.) | map("\(length)x\(.[0])") | join(" ")' "$REPORT"; }

@test "to another process: one hand-over, that sums to zero, and a guard that denies all that it can lets it through" {
	[ "$KERNEL" != iommufd ] || skip "an iommufd is handed over by another call"
	policy '[mdev-vaddr]' 'action = deny' '[strict]' 'action = deny' '[file-backed]' 'action = deny' '[exec-pinned]' 'action = deny' '[max-window]' 'action = deny'
	guard
	record_begins "$REC"
	start vm
	settle
	same "before" "$(verdicts "$ST")" ""
	transfer
	"$fdpin" status -j >"$ST"
	# on this row a range has the address of the new one, and the process of the old
	if [ "$KERNEL" != 6.1-unfixed ]; then
		same "handed over" "$(verdicts "$ST")" ""
		"$fdpin" status | grep -E '^vfio-.* 100% .* ok$'
	fi
	quits vm
	sleep 2 # more than a process that ends is given
	"$fdpin" status -j >"$ST"
	if [ "$KERNEL" = 6.1-unfixed ]; then
		verdicts "$ST" | grep 'drift cannot-tell uncharged: .* are mapped for DMA, and whoever mapped them has no address space any more'
	else
		same "alone" "$(verdicts "$ST")" ""
	fi
	quits vm2
	reported
	grep -E '^vfio-.*\(another process\)$' "$REPORT.text"
	grep '^VADDR windows  1 opened, 1 closed' "$REPORT.text"
	# it has regions of its devices mapped, too, which are charged with no pages
	same "charges of nothing" "$(jq -c '[.events[] | select(.type == "charge" and .pages == 0 and .result == 0)] | length' "$REPORT")" 0
	if [ "$KERNEL" = 6.1-unfixed ]; then
		same "uncharged" "$(jq -r '.ledger.uncharged[] | "\(.by) \(.until_ts_ns != null)"' "$REPORT")" "exit true"
		grep 'charged to nobody for .* from exit on, until' "$REPORT.text"
	else
		same "uncharged" "$(jq -c '.ledger.uncharged' "$REPORT")" '[]'
	fi
	same "verdicts" "$(verdicts)" ""
	unguard
	same "decisions" "$(grep -c '"type":"decision"' "$GUARD" || true)" 0
}

@test "by exec: what is uncharged in between, for how long, and what of it is charged again" {
	local left
	[ "$KERNEL" != 6.12 ] || [ "${FDPIN_LONG:-0}" != 0 ] || skip "make check has its recordings in tests/golden"
	[ "$KERNEL" != iommufd ] || skip "an iommufd is handed over by another call"
	record_begins "$REC"
	start vm
	settle
	by_exec
	"$fdpin" status -j >"$ST"
	if [ "$KERNEL" = 6.1-unfixed ]; then
		verdicts "$ST" | grep -E 'drift cannot-tell uncharged: 64\.[0-9]M of the 64\.[0-9]M that are mapped for DMA are not in locked_vm'
	else
		same "again" "$(verdicts "$ST")" ""
	fi
	quits vm2
	reported
	grep -E '^vfio-.*\(same PID, new mm\)$' "$REPORT.text"
	same "by" "$(jq -r '.ledger.uncharged[].by' "$REPORT")" exec
	left=$(grep -c 'nobody was charged for them again' "$REPORT.text" || true)
	same "charged again" "$left" "$([ "$KERNEL" = 6.1-unfixed ] && echo 1 || echo 0)"
	same "verdicts" "$(verdicts)" ""
}

@test "an iommufd, to another process without CAP_IPC_LOCK: some calls of CHANGE_PROCESS, one hand-over that sums to zero" {
	[ "$KERNEL" = iommufd ] || skip "there is no iommufd on row $KERNEL"
	UNPRIVILEGED=yes
	record_begins "$REC"
	start vm
	settle
	"$fdpin" migrate >"$BATS_TEST_TMPDIR/migrate"
	grep 'CHANGE_PROCESS  would succeed now' "$BATS_TEST_TMPDIR/migrate"
	transfer
	quits vm
	"$fdpin" status -j >"$ST"
	same "alone" "$(verdicts "$ST")" ""
	quits vm2
	reported
	came_to change_process | grep -xE '[3-9]x0'
	same "verdicts" "$(verdicts)" ""
	jq -e '[.ledger.accounts[].balance_pages] | length > 1 and all(. == 0)' "$REPORT"
}

@test "an iommufd, with CAP_IPC_LOCK: pinned_vm is left with the old process, the new one's falls below zero, and the call is named" {
	[ "$KERNEL" = iommufd ] || skip "there is no iommufd on row $KERNEL"
	record_begins "$REC"
	start vm
	settle
	transfer
	quits vm
	"$fdpin" status -j >"$ST"
	verdicts "$ST" | grep -E 'drift cannot-tell uncharged: 64\.[0-9]M of the 64\.[0-9]M that are mapped for DMA are not in pinned_vm of mm-'
	quits vm2
	reported
	verdicts | grep -E '^drift yes wrong address space of 64\.[0-9]M in iommufd-.*, at CHANGE_PROCESS of qemu-system-x86'
	grep -E "in release credited 64\.[0-9]M to mm-.*, *\$|whose pinned_vm went from 0 to" "$REPORT.text"
}

@test "regions of a device that are mapped as dma-bufs: migrate says that it would fail, and names them; QEMU's try fails" {
	[ "$KERNEL" = iommufd ] || skip "there is no iommufd on row $KERNEL"
	DEVICES=("${DEVICES[@]/$OPTIONS/}")
	start vm
	settle
	"$fdpin" migrate >"$BATS_TEST_TMPDIR/migrate"
	grep 'CHANGE_PROCESS  would fail now with EINVAL' "$BATS_TEST_TMPDIR/migrate"
	[ "$(grep -c '^  ! 0x.*a dma-buf' "$BATS_TEST_TMPDIR/migrate")" -ge 2 ]
	grep 'x-no-mmap=on' "$BATS_TEST_TMPDIR/migrate"
	! transfer
	grep '"status": "failed"' "$BATS_TEST_TMPDIR/migrate.out"
	quits vm
}
