#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A call of iommufd that never comes back, since an mmap_lock was given back without having been taken; and the same calls without that. The last test
# leaves a thread and a device behind that nothing can end, so this file comes after all others of its boot.

load helpers

teardown() { common_teardown; }

cdev() { echo "/dev/vfio/devices/$(ls "/sys/bus/pci/devices/$(awk 'NR == 1 { print $1 }' "$RUN/pci")/vfio-dev")"; }

look_at_act() {
	"$fdpin" status -j >"$ST"
	valid "$ST" "$top/dist/fdpin-trace-status.schema.json"
	ID=$(jq -r --argjson t "${A[tgid]}" --argjson fd "${A[container_fd]}" \
		'first(.containers[] | select(any(.holders[]; .tgid == $t and .fd == $fd)) | .id)' "$ST")
	[ -n "$ID" ]
}

of_verdict() { jq -r --arg n "$1" --arg id "$ID" ".verdicts[] | select(.name == \$n and .subject == \$id) | $2" "$ST"; }

@test "a credit in time: the same calls come back, and nobody hangs" {
	timeout 90 "$progs/act_uncredited" --timeout 60 --what credited --pci "$(cdev)" </dev/null >"$BATS_TEST_TMPDIR/act.out" 2>&1 3>&- 4>&-
	load_act
	same result "${A[result]-}" ended
	same "the last mapping" "${A[mapped_again]-}" yes
	"$fdpin" status -j >"$ST"
	same hang "$(ID='' answer hang)" no/none
	same drift "$(ID='' answer drift)" no/none
	"$fdpin" status --check | grep -F ' hangs=0 '
}

@test "a credit that was refused: that the next pin may hang is told before it does" {
	act uncredited --what before --pci "$(cdev)"
	look_at_act
	same hang "$(answer hang)" no/none
	same drift "$(answer drift)" yes/proven
	of_verdict drift .sentence | grep -F "128K of $ID stay pinned"
	run "$fdpin" status
	[[ $output == *"Next pin"*"128K"* ]]
	undo
	wait_line '^result=' "$BATS_TEST_TMPDIR/act.out"
}

@test "a credit that was refused is tried again: the thread, the lock that nobody has, and what it pins" {
	act uncredited --what refused --pci "$(cdev)"
	same "state" "$(awk '/^State:/ { print $2 }' "/proc/${A[caller_tid]}/status")" D
	look_at_act
	same hang "$(answer hang)" yes/proven
	same deadlock "$(answer deadlock)" no/none
	of_verdict hang .sentence | grep -E "\[${A[caller_tid]}\] waits for mmap_lock of mm-[0-9a-f]+, which nobody has"
	of_verdict hang '.evidence[] | select(.relation == "waits for") | "\(.from_tid) \(.grade) \(.text)"' |
		grep -E "^${A[caller_tid]} read .*mmap_lock of mm-[0-9a-f]+ in iopt_pages_update_pinned; nobody has it: it counts -1 readers"
	of_verdict hang '.evidence[].text' >"$BATS_TEST_TMPDIR/evidence"
	grep -E "\[${A[caller_tid]}\] took, and still has, iopt_pages.mutex of pages that ioas [0-9]+ of $ID maps" "$BATS_TEST_TMPDIR/evidence"
	grep -E "128K at 0x[0-9a-f]+ of ioas [0-9]+: of its pages 128K are pinned, and 256K charged to mm-[0-9a-f]+, which no process has any more" \
		"$BATS_TEST_TMPDIR/evidence"
	run "$fdpin" status --check
	[ "$status" -eq 2 ]
	[[ $output == "CRITICAL hang $ID; drift $ID |"*" hangs=1 "* ]]
	run "$fdpin" status
	[[ $output == *HANG* && $output == *"Way out"*"Only a reboot"* && $output == *"Likely cause"* ]]
}

@test "trace and a recording tell of the same hang, which SIGKILL does not end" {
	local tid
	tid=$(pgrep -x act_uncredited | while read -r p; do awk -v p="$p" '/^State:\tD/ { print p }' "/proc/$p/status"; done | head -n 1)
	[ -n "$tid" ]
	kill -KILL "$tid"
	"$fdpin" trace -d 4s -j -q -o "$BATS_TEST_TMPDIR/trace"
	jq -rn 'inputs | select(.type == "verdict" and .name == "hang") | "\(.answer)/\(.level) \(.sentence)"' "$BATS_TEST_TMPDIR/trace" |
		grep -E "^yes/proven .*\[$tid\] waits for mmap_lock"
	"$fdpin" record -d 2s -o "$BATS_TEST_TMPDIR/r.fdpin"
	"$fdpin" report -i "$BATS_TEST_TMPDIR/r.fdpin" -j | jq -e '[.verdicts[] | select(.name == "hang") | "\(.answer)/\(.grade)"] == ["yes/proven"]'
}
