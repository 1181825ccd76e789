#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Before the acts that hang, which keep the PCI groups. Verdicts about a state in which nobody waits yet: exposed, half-invalidated, window; and waits that end: hang. No time
# decides a test: limits are far below or far above what any machine takes.

load helpers

OTHER=
teardown() {
	[ -z "$OTHER" ] || kill -TERM "$OTHER" 2>/dev/null || true
	common_teardown
}

# Ends the act and waits for it: the next one needs its PCI group.
end_act() {
	undo
	wait_line '^result=' "$BATS_TEST_TMPDIR/act.out"
}

# status, and $ID, the container that the act has as its container_fd
look_at_fd() { # [OPTION…]
	"$fdpin" status -j "$@" >"$ST" || return 1
	ID=$(jq -r --argjson t "${A[tgid]}" --argjson fd "${A[container_fd]}" \
		'[.containers[] | select(any(.holders[]; .tgid == $t and .fd == $fd)) | .id][0] // ""' "$ST")
	[ -n "$ID" ] || {
		echo "no container with fd ${A[container_fd]} of ${A[tgid]}" >&2
		return 1
	}
}

pci_act() { # NAME OPTION…
	act "$@" --pci "/dev/vfio/$(sed -n 1p "$RUN/pci-groups")"
	[ "${A[result]-}" != refused ]
}

sentence() { jq -r --arg n "$1" --arg id "$ID" '.verdicts[] | select(.name == $n and .subject == $id) | .sentence' "$ST"; }

# One call away from trouble, on some of these kernels: no reason to warn, today or in a year.
@test "a mediated device and nothing invalid: no, no and no, and OK" {
	need_mdev
	act many --rounds 3
	look
	for v in exposed half-invalidated window; do
		same "$v" "$(answer $v)" no/none
	done
	run "$fdpin" status --check
	same "line" "$output" "OK no invalidated range, no blocked thread, no accounting drift | deadlocks=0 hangs=0 stalls=0 drifts=0 exposed=0 half-invalidated=0 windows=0 blocked=0"
	[ "$status" -eq 0 ]
}

@test "an IOMMU-backed container that stays invalid: a window, and not exposed" {
	pci_act pci --what invalid
	look_at_fd
	same "looks" "$(jq .looks "$ST")" 2
	same "exposed" "$(answer exposed)" no/none
	same "half-invalidated" "$(answer half-invalidated)" no/none

	look_at_fd --max-window=1h # looks again, and gives up after a while
	same "window" "$(answer window)" cannot-tell/none
	[ "$(jq .looks "$ST")" -gt 2 ]
	missing | grep -F 'when it became invalid'
	look_at_fd --max-window=1us
	same "window" "$(answer window)" yes/likely
	missing | grep -F 'between the looks'
	jq -e --arg id "$ID" --arg iova "${A[iova]#0x}" '.verdicts[] | select(.name == "window" and .subject == $id)
		| any(.evidence[]; .relation == "is mapped in" and .grade == "read" and (.text | contains($iova)))' "$ST"
	run "$fdpin" status --check --max-window=1us
	[ "$status" -eq 1 ]
	[[ $output == "WARNING window $ID |"*" windows=1 "* ]]
	run "$fdpin" status --check=npd -j --max-window=1us
	same "npd" "$status $(jq -r '[.verdicts[] | select(.answer == "yes").name] | join(" ")' <<<"$output")" "1 window"
	run "$fdpin" status --max-window=1us
	[ "$status" -eq 0 ]
	[[ $output == *WINDOW* && $output == *"at least"* && $output == *"WARNING  1 window" ]]
	end_act
	"$fdpin" status --check=npd --max-window=1us
}

# By default a check waits for the limit, then it knows.
@test "a check decides within its limit" {
	pci_act pci --what invalid
	run "$fdpin" status --check
	[ "$status" -eq 1 ]
	[[ $output == "WARNING window "* ]]
	end_act
}

@test "who watched knows since when: yes and no are certain" {
	local rec=$BATS_TEST_TMPDIR/r.fdpin
	"$fdpin" record -o "$rec" 2>"$BATS_TEST_TMPDIR/record.err" 3>&- 4>&- &
	recorder=$!
	wait_line recording "$BATS_TEST_TMPDIR/record.err"
	pci_act pci --what invalid
	kill -TERM $recorder
	wait $recorder
	"$fdpin" report -i "$rec" -j --max-window=1h >"$ST"
	ID=$(jq -r --argjson t "${A[tgid]}" 'first(.events[] | select(.type == "invalidate" and .tgid == $t) | .container)' "$ST")
	same "window, of 1h" "$(answer window)" no/none
	"$fdpin" report -i "$rec" -j --max-window=1us >"$ST"
	same "window, of 1us" "$(answer window)" yes/proven
	jq -e --arg id "$ID" --argjson t "${A[invalidator_tid]}" '.verdicts[] | select(.name == "window" and .subject == $id)
		| any(.evidence[]; .to_tid == $t and .grade == "observed")' "$ST"
	same "exposed" "$(answer exposed)" no/none
	end_act
}

@test "the second container of a process is forgotten: half-invalidated" {
	need_mdev
	pci_act half --what both
	look_at_fd
	same "half-invalidated" "$(answer half-invalidated)" yes/proven
	other=$(jq -r --argjson fd "${A[other_container_fd]}" --argjson t "${A[tgid]}" \
		'.containers[] | select(any(.holders[]; .tgid == $t and .fd == $fd)) | .id' "$ST")
	[[ $(sentence half-invalidated) == *"$ID has 1 of 1 range invalid, $other none of 1"* ]]
	same "exposed" "$(answer exposed)" no/none
	run "$fdpin" status --check --max-window=1us
	[ "$status" -eq 1 ]
	[[ $output == "WARNING half-invalidated $ID; window $ID |"* ]]
	end_act
}

@test "the second container has nothing that could be invalid: not half-invalidated" {
	need_mdev
	pci_act half --what bare
	look_at_fd
	same "half-invalidated" "$(answer half-invalidated)" no/none
	end_act
}

@test "a mediated device beside an invalid range: exposed, before anybody waits" {
	need_blocking
	act exposed
	look
	same "exposed" "$(answer exposed)" yes/proven
	same "stall" "$(answer stall)" no/none
	same "deadlock" "$(answer deadlock)" no/none
	jq -e --arg id "$ID" --arg u "${A[uuid]}" '.verdicts[] | select(.name == "exposed" and .subject == $id)
		| any(.evidence[]; .text | contains($u)) and all(.evidence[]; .grade != "inferred")' "$ST"
	run "$fdpin" status --check --max-window=1us
	[ "$status" -eq 1 ]
	[[ $output == "WARNING exposed $ID; window $ID |"* ]]
	end_act
	grep -qx 'restored=yes' "$BATS_TEST_TMPDIR/act.out"
	"$fdpin" status --check --max-window=1us
}

@test "the same, refused by a kernel that keeps them apart: not exposed" {
	need_refusal
	need_mdev
	act exposed
	same "refused" "${A[refused]}" EBUSY
	"$fdpin" status -j >"$ST"
	same "exposed" "$(jq -r '[.verdicts[] | select(.name == "exposed") | "\(.answer) \(.subject)"] | join(", ")' "$ST")" "no null"
}

# The worse verdict speaks of it; exposed does not repeat it.
@test "a worker that waits already: stall, and exposed no more" {
	need_blocking
	act stall --op dma_rw --ctx work --close flush_work
	look
	same "stall" "$(answer stall)" yes/proven
	same "exposed" "$(answer exposed)" no/none
	end_act
}

@test "--check is about what is let through: a thread is blocked elsewhere" {
	need_blocking
	act many --rounds 1
	OTHER=$ACT_PID well=${A[uuid]}
	act stall
	run "$fdpin" status --check --device "${A[uuid]}"
	same "where it is" "$status ${output%% |*}" "1 WARNING stall vfio-*"
	run "$fdpin" status --check --device "$well"
	same "elsewhere" "$status ${output%% *}" "0 OK"
	"$fdpin" status -j --device "$well" | jq -e '[.verdicts[] | select(.answer == "yes")] == []'
	run "$fdpin" status --device "$well"
	[[ $output != *STALL* ]]
}

# The container's lock is held by who waits, so the look has to do without it; nor may it ask for anything of that address space.
hang_of() { # FILTER
	jq -r --arg id "$ID" ".verdicts[] | select(.name == \"hang\" and .subject == \$id) | $1" "$ST"
}

@test "hang: who maps waits for an mmap_lock, and its owner sleeps for what nobody knows: cannot tell" {
	need_mdev
	pci_act held --what told
	look
	same hang "$(answer hang)" cannot-tell/none
	same deadlock "$(answer deadlock)" no/none
	hang_of .sentence | grep -E "\[${A[caller_tid]}( of [0-9]+)?\] waits for mmap_lock of mm-[0-9a-f]+, and so for act_held \[${A[worker_tid]}\], who sleeps in act_hold_mm \[fdpin_mdev\]"
	hang_of '.evidence[] | select(.relation == "waits for") | "\(.from_tid) \(.grade) \(.text)"' | grep -E "^${A[caller_tid]} read .*mmap_lock of mm-"
	hang_of '.evidence[].text' >"$BATS_TEST_TMPDIR/evidence"
	grep -E "took, and still has, vfio_iommu.lock of $ID" "$BATS_TEST_TMPDIR/evidence"
	grep -E "mmap_lock of mm-[0-9a-f]+ is owned by act_held \[${A[worker_tid]}\]" "$BATS_TEST_TMPDIR/evidence"
	hang_of '.missing[]' | grep -E "act_held \[${A[worker_tid]}\] sleeps in act_hold_mm \[fdpin_mdev\]; what ends that was not found"
	end_act
	load_act
	same "the mapping" "${A[mapped]-}" yes
	"$fdpin" status -j >"$ST"
	same hang "$(ID='' answer hang)" no/none
}

@test "hang: the owner of the mmap_lock sleeps until a timer, or nobody has it: no" {
	need_mdev
	pci_act held --what timer
	look
	same hang "$(answer hang)" no/none
	hang_of .sentence | grep -E "\[${A[caller_tid]}( of [0-9]+)?\] waits for mmap_lock of mm-[0-9a-f]+, and so for act_held \[${A[worker_tid]}\], who can go on"
	run "$fdpin" status --check
	same "check" "$output" "* hangs=0 *"
	end_act
	pci_act held --what free
	same "result" "${A[result]-} ${A[mapped]-}" "ended yes"
	"$fdpin" status -j >"$ST"
	same hang "$(ID='' answer hang)" no/none
}
