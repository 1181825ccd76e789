#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's own tests of iommufd and VFIO, first without the tool, then with trace attached and status looking all the time: the results must
# be the same. What does not pass without the tool is printed by name: tests that need hardware this VM lacks, and defects of the tests themselves.

load helpers

selftests=${FDPIN_ENTRY-}/selftests

setup() {
	[ "$KERNEL" = iommufd ] || skip "only row iommufd is built from source, with the kernel's tests"
	echo 200 >/proc/sys/vm/nr_hugepages
}

teardown() {
	[ -z "${LOOKER-}" ] || kill -TERM "$LOOKER" 2>/dev/null || true
	common_teardown
}

# "SUITE RESULT NAME" for each test; numbers, times and addresses differ from run to run.
results() { # SUITE FILE STATUS
	sed -nE 's/^ok [0-9]+ (.*) # SKIP.*/skip \1/p; t; s/^ok [0-9]+ (.*)/pass \1/p; s/^not ok [0-9]+ (.*)/fail \1/p' "$2" |
		awk -v suite="$1" '{ result = $1; sub(/^[a-z]+ /, ""); print suite, result, $0 }'
	[ "$3" != 4 ] || echo "$1 skip all"	# KSFT_SKIP
	[ "$3" != 124 ] || echo "$1 fail time is over"
}

one_suite() { # SUITE PROGRAM [ARG…]
	local suite=$1 status=0
	shift
	timeout 600 "$selftests/$@" >"$BATS_TEST_TMPDIR/$suite" 2>&1 || status=$?
	results "$suite" "$BATS_TEST_TMPDIR/$suite" "$status"
}

all_suites() {
	local bdf test
	bdf=$(awk 'END { print $1 }' "$RUN/pci")
	one_suite iommufd iommu/iommufd
	one_suite iommufd_fail_nth iommu/iommufd_fail_nth
	for test in dma_mapping dma_mapping_mmio iommufd_setup pci_device pci_driver; do
		one_suite "vfio_$test" "vfio/vfio_${test}_test" "$bdf"
	done
}

stop_live() {
	kill -TERM "$(cat "$RUN/live.pid")"
	while kill -0 "$(cat "$RUN/live.pid")" 2>/dev/null; do sleep 0.1; done
}

start_live() {
	: >"$RUN/live.err"
	"$fdpin" trace -j -o "$RUN/live2.jsonl" 2>"$RUN/live.err" 3>&- &
	echo $! >"$RUN/live.pid"
	wait_line 'Ctrl-C' "$RUN/live.err"
}

look_all_the_time() {
	close_files
	while [ ! -e "$RUN/looked.enough" ]; do
		"$fdpin" status -j >"$RUN/looks.last" || echo "status $?"
		echo look
	done >"$RUN/looks"
}

@test "the kernel's tests of iommufd and VFIO, without the tool" {
	stop_live
	all_suites >"$RUN/selftests.without"
	start_live
	grep -v ' pass ' "$RUN/selftests.without" | sed 's/^/# /' >&3
	[ "$(grep -c ' pass ' "$RUN/selftests.without")" -ge 250 ]
}

@test "the same with trace attached and status looking: the same results" {
	look_all_the_time &
	LOOKER=$!
	all_suites >"$RUN/selftests.with"
	touch "$RUN/looked.enough"
	wait "$LOOKER"
	diff "$RUN/selftests.without" "$RUN/selftests.with"
	kill -0 "$(cat "$RUN/live.pid")"
	grep -q look "$RUN/looks"
	! grep status "$RUN/looks"
	jq -e '.schema' "$RUN/looks.last"
}
