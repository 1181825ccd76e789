#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Partial sight: cannot tell, with what is missing; never OK.

load helpers

teardown() { common_teardown; }

@test "without rights: unknown, and which rights" {
	run setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all "$fdpin" status --check
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == UNKNOWN* ]]
	[[ $output == *CAP_BPF* ]]
	run setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all "$fdpin" status -j
	[ "$status" -eq 77 ]
	echo "$output" | jq -e '.complete == false and all(.verdicts[]; .answer != "no")'
}

@test "in a PID namespace: unknown, and why" {
	run unshare -pf --mount-proc "$fdpin" status --check
	echo "$output"
	# where something hangs, what is known of its container stands above what could not be seen; never OK
	[ "$status" -eq 3 ] || { [ "$status" -eq 1 ] && [[ $output == "WARNING exposed"* ]]; }
	unshare -pf --mount-proc "$fdpin" status -j >"$ST"
	jq -e '.complete == false and any(.gaps[]; .what + .why | test("PID namespace"))' "$ST"
	jq -e 'all(.verdicts[]; .answer != "no")' "$ST"
}

@test "without the symbol table: unknown" {
	setpriv --bounding-set=-syslog --inh-caps=-syslog "$fdpin" status -j >"$ST" || true
	if jq -e '.complete' "$ST" >/dev/null; then
		sysctl -w kernel.kptr_restrict=2
		"$fdpin" status -j >"$ST" || true
		sysctl -w kernel.kptr_restrict=0
	fi
	jq -e '.complete == false and all(.verdicts[]; .answer != "no")' "$ST"
}

@test "a ring that overflows: the loss is counted, and nothing is called absent" {
	harmless
	"$fdpin" trace -j --buffer 4K >"$BATS_TEST_TMPDIR/t.jsonl" 2>"$BATS_TEST_TMPDIR/t.err" &
	t=$!
	wait_line 'Ctrl-C' "$BATS_TEST_TMPDIR/t.err"
	kill -STOP $t
	for i in 1 2 3; do
		"${HARMLESS[@]}" >"$BATS_TEST_TMPDIR/plain.$i" 2>&1
	done
	for ((i = 0; i < 8; i++)); do "${HARMLESS[@]}" >>"$BATS_TEST_TMPDIR/plain.x" 2>&1; done
	kill -CONT $t
	kill -TERM $t
	wait $t
	tail -n 1 "$BATS_TEST_TMPDIR/t.jsonl" >"$BATS_TEST_TMPDIR/sum"
	cat "$BATS_TEST_TMPDIR/sum"
	jq -e '.type == "summary" and .lost > 0 and .complete == false and all(.verdicts[]; .answer != "no")' "$BATS_TEST_TMPDIR/sum"
}

@test "a hook that is missing: named, and nothing is called absent" {
	! builtin_vfio || skip "row $KERNEL has all types in one file"
	unshare -m sh -c "mount --bind /dev/null /sys/kernel/btf/vfio_iommu_type1 && exec $fdpin trace -j -q -d 1s" >"$BATS_TEST_TMPDIR/t.jsonl"
	tail -n 1 "$BATS_TEST_TMPDIR/t.jsonl" >"$BATS_TEST_TMPDIR/sum"
	cat "$BATS_TEST_TMPDIR/sum"
	jq -e '.type == "summary" and .complete == false and any(.gaps[]; .why | test("vfio_iommu_type1"))' "$BATS_TEST_TMPDIR/sum"
	jq -e 'all(.verdicts[]; .answer != "no")' "$BATS_TEST_TMPDIR/sum"
}

@test "a function that only another was made of: a gap, and the rest is watched" {
	local without=$BATS_TEST_TMPDIR/kallsyms sum=$BATS_TEST_TMPDIR/sum

	sed 's/ vfio_dma_rw\>/&.isra.0/' /proc/kallsyms >"$without"
	grep -q ' vfio_dma_rw\.isra\.0' "$without"
	# as it is, nothing is missing; with symbols that are all there, and a program that cannot be loaded all the same, it is an error
	"$fdpin" trace -j -q -d 1s | tail -n 1 >"$sum"
	jq -e 'all(.gaps[]; .what != "dma_rw")' "$sum"
	run env LD_PRELOAD="$progs/nameless.so" NAMELESS=fexit__vfio_dma "$fdpin" trace -j -q -d 1s
	[ "$status" -ne 0 ]
	unshare -m sh -c "mount --bind $without /proc/kallsyms && LD_PRELOAD=$progs/nameless.so NAMELESS=fexit__vfio_dma exec $fdpin trace -j -q -d 1s" |
		tail -n 1 >"$sum"
	cat "$sum"
	# of a container that looks alone can judge it may be no
	jq -e '.type == "summary" and .complete == false and all(.verdicts[]; .answer != "no" or .subject)' "$sum"
	jq -e '[.gaps[] | select(.why | test("vfio_dma_rw by its own name"))] | length == 1' "$sum"
	jq -e '.gaps | length == 1' "$sum"
}

@test "VFIO without type information: an error, not OK" {
	! builtin_vfio || skip "row $KERNEL has all types in one file"
	run unshare -m sh -c "mount --bind /dev/null /sys/kernel/btf/vfio && exec $fdpin status --check"
	echo "$output"
	[ "$status" -eq 3 ]
	run unshare -m sh -c "mount --bind /dev/null /sys/kernel/btf/vfio_iommu_type1 && exec $fdpin status --check"
	echo "$output"
	# where something hangs, a known stall stands above what could not be seen; never OK
	[ "$status" -eq 3 ] || { [ "$status" -eq 1 ] && [[ $output == WARNING* ]]; }
}
