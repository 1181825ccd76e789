#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What every kernel must show: events of right use, refusals, containers.

load helpers

teardown() { common_teardown; }

@test "the live trace runs and has lost nothing" {
	kill -0 "$(cat "$RUN/live.pid")"
	jq -en 'first(inputs | select(.type == "session")) | .history' "$LIVE"
	! grep '"type":"lost"' "$LIVE" || { grep 'left out' "$RUN/live.err" >&2; false; }
}

@test "map, pin, dma_rw, unpin, unmap: each is an event, with numbers that are right" {
	need_mdev
	act plain
	wait_line '^result=' "$BATS_TEST_TMPDIR/act.out"
	load_act
	live_container unmap # the last of its calls
	same "size mapped" "$(live_events map | jq -r .size | head -n 1)" "$((A[size]))"
	same "iova mapped" "$(live_events map | jq -r .iova | head -n 1)" "${A[iova]}"
	[ "$(live_events pin | wc -l)" -ge 1 ]
	[ "$(live_events dma_rw | wc -l)" -ge 1 ]
	[ "$(live_events unmap | wc -l)" -ge 1 ]
	same "verdict" "$(live_answer deadlock)" no/none
}

@test "refusals are reported as refusals" {
	need_refusal
	need_mdev
	act refused
	wait_line '^(result|refused)=' "$BATS_TEST_TMPDIR/act.out"
	load_act
	sleep 0.3
	jq -en --argjson t "${A[tgid]}" 'first(inputs | select(.type == "refuse" and .tgid == $t and .op == "invalidate"))
		| .result == -16 and .emulated' "$LIVE"
}

@test "what deadlocks elsewhere is refused, and nothing is wrong" {
	need_refusal
	need_mdev
	act deadlock --op dma_rw --ctx work --close flush_work
	same "refused" "${A[refused]}" EBUSY
	"$fdpin" status -j >"$ST"
	jq -e '.complete and all(.verdicts[]; .answer == "no")' "$ST"
}

@test "an IOMMU-backed container: invalidate, revalidate, unmap" {
	group=$(sed -n 1p "$RUN/pci-groups")
	act pci --what cycle --pci "/dev/vfio/$group"
	wait_line '^result=' "$BATS_TEST_TMPDIR/act.out"
	load_act
	live_container unmap
	live_events invalidate | jq -e '.emulated == false and .ranges >= 1'
	live_events revalidate | jq -e '.window_ns > 0'
	live_events attach | jq -e '.backed != "mdev"'
}

@test "a window ends with the last group of its container" {
	local rec=$BATS_TEST_TMPDIR/r.fdpin
	record_begins "$rec"
	act pci --what leaves --pci "/dev/vfio/$(sed -n 1p "$RUN/pci-groups")"
	wait_line '^result=' "$BATS_TEST_TMPDIR/act.out"
	record_ends
	"$fdpin" report -j -i "$rec" | jq -r '.events[] | select(.type | IN("detach", "invalidate", "revalidate")) | "\(.type) \(.closed != null)"' \
		>"$BATS_TEST_TMPDIR/events"
	same "what came" "$(xargs <"$BATS_TEST_TMPDIR/events")" "invalidate false detach true invalidate false revalidate true detach false"
	"$fdpin" report -i "$rec" >"$BATS_TEST_TMPDIR/text"
	grep -F 'VADDR windows  2 opened, 2 closed' "$BATS_TEST_TMPDIR/text"
	grep -F 'took the last group' "$BATS_TEST_TMPDIR/text"
}

@test "-- CMD: the child's status is ours, and only it is shown" {
	harmless
	"$fdpin" trace -j -o "$BATS_TEST_TMPDIR/o" -- "${HARMLESS[@]}"
	jq -e -s '[.[] | select(.type == "map")] | length >= 1' "$BATS_TEST_TMPDIR/o"
	run "$fdpin" trace -q -- sh -c 'exit 7'
	[ "$status" -eq 7 ]
}

@test "--event and --count" {
	harmless
	"$fdpin" trace -j -q --event map --count 1 -o "$BATS_TEST_TMPDIR/o" -- "${HARMLESS[@]}"
	jq -e -s '[.[] | select(.type == "map")] | length == 1' "$BATS_TEST_TMPDIR/o"
	jq -e -s 'all(.[]; .type != "pin")' "$BATS_TEST_TMPDIR/o"
	run "$fdpin" trace --event nonsense
	[ "$status" -eq 64 ]
}

@test "record, then report elsewhere" {
	harmless
	"$fdpin" record -q -o "$BATS_TEST_TMPDIR/r.fdpin" -- "${HARMLESS[@]}"
	"$fdpin" report -i "$BATS_TEST_TMPDIR/r.fdpin" -j | jq -e '[.events[] | select(.type == "map")] | length >= 1'
	run "$fdpin" record -q -o "$BATS_TEST_TMPDIR/r.fdpin" -d 100ms
	[ "$status" -eq 73 ]
}

@test "a hostile comm is escaped in text and JSON" {
	harmless
	esc=$(printf 'e\033[31m\n\\x')
	"$fdpin" trace --event map -q -o "$BATS_TEST_TMPDIR/o" -- "${HARMLESS[@]}" --comm "$esc"
	! LC_ALL=C grep -q "$(printf '\033')" "$BATS_TEST_TMPDIR/o"
	grep -F '\x1b[31m\x0a' "$BATS_TEST_TMPDIR/o"
}

@test "the soak of harmless acts: nothing false" {
	need_mdev
	"$progs/soak" --rounds "${SOAK_ROUNDS:-12}" --seed 1 >"$BATS_TEST_TMPDIR/soak" 2>&1 || {
		cat "$BATS_TEST_TMPDIR/soak"
		false
	}
	before=$(jq -rn '[inputs | select(.type == "verdict" and .answer == "yes")] | length' "$LIVE")
	same "verdicts" "$before" 0
	"$fdpin" status -j >"$ST"
	jq -e 'all(.verdicts[]; .answer == "no")' "$ST"
}
