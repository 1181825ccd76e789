#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What looks like a deadlock and is none, or cannot be proven.

load helpers

setup() { need_blocking; }
teardown() { common_teardown; }

@test "a forked process still holds the container: stall, says who can restore" {
	act fork --op dma_rw --ctx work --close flush_work
	stalled no/none
	jq -e --arg id "$ID" '.verdicts[] | select(.name == "stall" and .subject == $id)' "$ST" | grep -q "${A[holder_tgid]:-act_fork}"
}

@test "another process got the container by SCM_RIGHTS: stall" {
	act scm --op dma_rw --ctx work --close flush_work
	stalled no/none
}

@test "only the other process still has it: stall" {
	act scm --what only --op dma_rw --ctx work --close flush_work
	stalled no/none
}

@test "in flight in the closer's own socket: never proven, the references do not add up" {
	act inflight --what self --op dma_rw --ctx work --close flush_work
	stalled cannot-tell/likely
	missing | grep -i reference
}

@test "in flight to another process: never proven, the references do not add up" {
	act inflight --what other --op dma_rw --ctx work --close flush_work
	stalled cannot-tell/likely
	missing | grep -i reference
}

@test "held by io_uring: never proven, the references do not add up" {
	act uring --op dma_rw --ctx work --close flush_work
	stalled cannot-tell/likely
	missing | grep -i reference
}

@test "another thread of the holder is running: likely, with the reason" {
	act thread --what spin --op dma_rw --ctx work --close flush_work
	stalled cannot-tell/likely
	missing | grep -i thread
}

@test "another thread of the holder sleeps in futex: likely" {
	act thread --what futex --op dma_rw --ctx work --close flush_work
	stalled cannot-tell/likely
}

@test "another thread of the holder sleeps in ppoll: likely" {
	act thread --what ppoll --op dma_rw --ctx work --close flush_work
	stalled cannot-tell/likely
}

@test "flush of another work item that is idle: no deadlock" {
	act other_work --op dma_rw --ctx work
	stalled no/none
}

@test "flush of another work item that sleeps: no deadlock" {
	act other_work --other-ms 60000 --op dma_rw --ctx work
	stalled no/none
}

@test "close that waits for nothing, the worker still blocked: no deadlock" {
	act deadlock --op dma_rw --ctx work --close nothing
	stalled no/none
}

@test "a worker blocked, the device open: stall, and what would make it a deadlock" {
	act stall --op dma_rw --ctx work --close flush_work
	stalled no/none
	"$fdpin" status -c "$ID" | grep -i "deadlock"
}

@test "a valid range: nothing blocks, no verdict" {
	act valid --what all --op dma_rw --ctx work --close flush_work
	wait_line '^result=' "$BATS_TEST_TMPDIR/act.out"
	"$fdpin" status -j >"$ST"
	! jq -e --arg t "${A[tgid]}" '.verdicts[] | select(.answer == "yes") | tostring | test("[[ ]\($t)[]]")' "$ST"
}

@test "a kthread that is stopped: no deadlock" {
	act kthread_stop --op dma_rw
	wait_line '^result=' "$BATS_TEST_TMPDIR/act.out"
}

@test "the container's file goes first: no deadlock" {
	act order --op dma_rw --ctx work --close flush_work
	wait_line '^result=' "$BATS_TEST_TMPDIR/act.out"
}

@test "restored in time: block and unblock with durations, no verdict" {
	act revalidate --rounds 3 --hold-ms 300 --op dma_rw --ctx work
	wait_line '^result=' "$BATS_TEST_TMPDIR/act.out"
	load_act
	live_container invalidate
	for ((i = 0; i < 100; i++)); do
		[ "$(live_events unblock | wc -l)" -ge 3 ] && break
		sleep 0.1
	done
	same "blocks" "$(live_events block | wc -l)" 3
	same "unblocks" "$(live_events unblock | wc -l)" 3
	live_events unblock | jq -e 'select(.ns < 300000000) | error("too short")' && false
	same "deadlock" "$(live_answer deadlock)" no/none
	live_events revalidate | jq -e 'select(.window_ns > 0)' >/dev/null
}

@test "a user thread blocked, another alive: stall, and waking it would oops" {
	act user --what two --op dma_rw
	stalled no/none
	"$fdpin" status -c "$ID" | grep -i oops
}

@test "a user thread blocked while it attaches a group: stall" {
	group=$(sed -n 2p "$RUN/pci-groups")
	act attach --pci "/dev/vfio/$group"
	look
	same "stall" "$(answer stall)" yes/proven
	[ "$(answer deadlock)" != yes/proven ]
	same "op" "$(live_events block | jq -r .op | head -n 1)" attach
	"$fdpin" status -c "$ID" | grep -i oops
}

@test "a user thread that is the only one that could restore: never called proven" {
	act user --what alone --op dma_rw
	look
	same "stall" "$(answer stall)" yes/proven
	[ "$(answer deadlock)" != yes/proven ]
}
