#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The acts that end in a deadlock: proven, looked back and live alike.

load helpers

setup() { need_blocking; }
teardown() { common_teardown; }

# What the live trace adds to a proof: who, when, which iova.
live_names_all() {
	same "live iova" "$(live_events block | jq -r .iova | head -n 1)" "${A[block_iova]}"
	same "live func" "$(live_events block | jq -r .func | head -n 1)" "${A[work_func]}*"
	same "live invalidator" "$(live_events invalidate | jq -r .tid | tail -n 1)" "${A[invalidator_tid]}"
	same "live size" "$(live_events invalidate | jq -r .bytes | tail -n 1)" "$((A[size]))"
}

# Two programs are there for each flush: one of them tells it, once.
flushes_told_once() {
	same "flushes that are not over" "$(jq -n --argjson t "${A[closer_tid]}" '[inputs | select(.tid == $t)] |
		(map(select(.type == "flush")) | length) - (map(select(.type == "flushed")) | length)' < <(live_lines))" 1
}

deadlock_case() {
	act deadlock "$@"
	proven_deadlock
	flushes_told_once
	[ -z "${A[work_func]-}" ] || live_names_all
}

@test "dma_rw from a work item, flush_work" { deadlock_case --op dma_rw --ctx work --close flush_work; }
@test "dma_rw from a work item, cancel_work_sync" { deadlock_case --op dma_rw --ctx work --close cancel_work_sync; }
@test "pin_pages from a work item, flush_work" { deadlock_case --op pin --ctx work --close flush_work; }
@test "pin_pages from a work item, cancel_work_sync" { deadlock_case --op pin --ctx work --close cancel_work_sync; }
@test "dma_rw on the system workqueue, flush_work" { deadlock_case --op dma_rw --ctx syswork --close flush_work; }
@test "flush_workqueue" { deadlock_case --op dma_rw --ctx work --close flush_workqueue; }
@test "drain_workqueue" { deadlock_case --op dma_rw --ctx work --close drain_workqueue; }
@test "flush_delayed_work" { deadlock_case --op dma_rw --ctx delayed --close flush_delayed_work; }

@test "an ordered workqueue: the first item is blocked, the closer flushes the second" {
	act deadlock --op dma_rw --ctx ordered --close ordered_second
	proven_deadlock
	jq -e --arg id "$ID" '.verdicts[] | select(.name == "deadlock" and .subject == $id)
		| any(.evidence[]; .relation == "is queued behind")' "$ST"
}

@test "the closer waits for a mutex that the blocked thread owns" {
	act deadlock --op dma_rw --ctx work --close mutex
	proven_deadlock
	jq -e --arg id "$ID" '.verdicts[] | select(.name == "deadlock" and .subject == $id)
		| any(.evidence[]; .relation == "is owned by")' "$ST"
}

@test "the closer waits for a completion: likely, with the reason" {
	act deadlock --op dma_rw --ctx work --close completion
	stalled cannot-tell/likely
	missing | grep -i completion
}

@test "the closing process exits, its file table is gone" {
	act deadlock --op dma_rw --ctx work --close flush_work --how exit
	look
	same "deadlock" "$(answer deadlock)" yes/proven
	same "file descriptors left" "$(ls "/proc/${A[closer_tid]}/fd" 2>/dev/null | wc -l)" 0
	wait_live deadlock yes/proven
}

@test "the closing process is killed, its file table is gone" {
	act deadlock --op dma_rw --ctx work --close flush_work --how kill
	look
	same "deadlock" "$(answer deadlock)" yes/proven
	wait_live deadlock yes/proven
}

@test "the close that comes from exec: the invalidator has its old name" {
	act exec --what both --op dma_rw --ctx work --close flush_work
	proven_deadlock
	comm=$(live_events invalidate | jq -r .comm | tail -n 1)
	[ -n "$comm" ]
	[ "$comm" != "$(cat "/proc/${A[closer_tid]}/comm")" ]
	live_lines | jq -rn 'inputs | select(.type == "exec") | .tid' | grep -x "${A[closer_tid]}"
}

@test "exec that keeps the container" {
	act exec --what keep --op dma_rw --ctx work --close flush_work
	proven_deadlock
}

@test "two containers, one deadlocked: on the right one, the other is exposed" {
	act two --what invalid --op dma_rw --ctx work --close flush_work
	proven_deadlock
	other=$(jq -r --arg u "${A[other_uuid]}" '.containers[] | select(any(.devices[]; .name == $u)).id' "$ST")
	[ -n "$other" ] && [ "$other" != "$ID" ]
	same "verdicts on the other" "$(jq -r --arg id "$other" '[.verdicts[] | select(.subject == $id and .name != "window") | "\(.name) \(.answer)"] | join(", ")' "$ST")" \
		"exposed yes"
}

@test "invalidated by a process that is gone, through a passed file" {
	act handover --op dma_rw --ctx work --close flush_work
	proven_deadlock
	same "live invalidator" "$(live_events invalidate | jq -r .tid | tail -n 1)" "${A[invalidator_tid]}"
}

@test "a pending timer cut short by flush_delayed_work" {
	act timer --close flush_delayed_work
	proven_deadlock
}

@test "the kernel's own detectors name the closer at most, never the worker" {
	act deadlock --op dma_rw --ctx work --close flush_work
	proven_deadlock
	! dmesg | grep -E "blocked for more than" | grep -E ":${A[worker_tid]} "
}
