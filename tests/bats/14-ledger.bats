#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The ledger: what is charged over a life, an exec, a hand-over; the kernels' own defects, and that right use raises no alarm.

load helpers

teardown() { common_teardown; }

group() { echo "/dev/vfio/$(sed -n 1p "$RUN/pci-groups")"; }
cdev() { echo "/dev/vfio/devices/$(ls "/sys/bus/pci/devices/$(awk 'NR == 1 { print $1 }' "$RUN/pci")/vfio-dev")"; }

# Runs an act to its end under record; its lines are in A, what it amounts to in $ST, and its container in $ID.
recorded() { # NAME OPTION…
	local rec=$BATS_TEST_TMPDIR/r.fdpin
	"$fdpin" record -f -o "$rec" 2>"$BATS_TEST_TMPDIR/record.err" 3>&- 4>&- &
	recorder=$!
	wait_line recording "$BATS_TEST_TMPDIR/record.err"
	act "$@"
	wait_line '^result=' "$BATS_TEST_TMPDIR/act.out"
	load_act
	kill -TERM $recorder
	wait $recorder
	"$fdpin" report -i "$rec" -j >"$ST"
	jq -e .complete "$ST"
	ID=$(jq -r --argjson t "${A[tgid]}" 'first(.events[] | select(.type == "open" and .tgid == $t) | .container)' "$ST")
	[ -n "$ID" ]
}

charges() { jq -c --arg id "$ID" '.events[] | select(.type == "charge" and .container == $id and .result == 0)' "$ST"; }
# Pages charged to an address space, in all; to any without one.
sum_of() { charges | jq -s --arg mm "${1-}" '[.[] | select($mm == "" or .mm == $mm) | .pages] | add // 0'; }
drift() { jq -r --arg id "$ID" '.verdicts[] | select(.name == "drift" and .subject == $id) | [.sentence, (.evidence[] | .text)] | .[]' "$ST"; }
# Was it built without the fixes, so that the credit goes to the address space of the moment?
credits_wrongly() { [ "$KERNEL" = 6.1-unfixed ]; }
need_iommufd() { [ "$KERNEL" = iommufd ] || skip "row $KERNEL has no iommufd"; }

@test "map and unmap: charged once, credited once, by the page" {
	recorded pci --what cycle --pci "$(group)"
	same "answer" "$(answer drift)" no/none
	charges | jq -se --argjson n "$((A[size] / 4096))" 'length == 2 and .[0].pages == $n and .[0].op == "map" and .[1].pages == -$n and
		.[1].op == "unmap" and .[0].mm == .[1].mm and .[0].after - .[0].before == $n and .[1].after == .[0].before'
	jq -e --arg id "$ID" '.ledger.accounts[] | select(.container == $id) | .charged_pages > 0 and .charged_pages == .credited_pages and .balance_pages == 0' "$ST"
}

@test "exec, restore, unmap: the time in which nobody is charged, or the credit that makes VmLck wrap" {
	local pages
	recorded pci --what exec --pci "$(group)"
	pages=$((A[size] / 4096))
	old=$(jq -r --argjson t "${A[tgid]}" 'first(.events[] | select(.type == "exec" and .tgid == $t) | .old_mm)' "$ST")
	new=$(jq -r --argjson t "${A[tgid]}" 'first(.events[] | select(.type == "exec" and .tgid == $t) | .mm)' "$ST")
	same "old mm" "$(sum_of "$old")" "$pages"
	if credits_wrongly; then
		same "answer" "$(answer drift)" yes/proven
		same "new mm" "$(sum_of "$new")" "-$pages"
		drift | grep -F "unmap credited"
		drift | grep -F "to $new, whose locked_vm went from 0 to -"
		drift | grep -F "they had been charged to $old"
		# 2^64 bytes less what is missing, in kB; more than the shell can count
		same "VmLck, as the act saw it" "${A[successor_vmlck]}" "*$(python3 -c "print(2**64 - $pages * 4)")*"
		"$fdpin" report -i "$BATS_TEST_TMPDIR/r.fdpin" | tr -s '\n ' ' ' | grep -F "VmLck: $(python3 -c "print(2**64 - $pages * 4)") kB"
	else
		same "answer" "$(answer drift)" no/none
		same "new mm" "$(sum_of "$new")" 0
		drift | grep -E "stayed pinned and charged to nobody for [0-9.]+(us|ms|s), from exec on"
		jq -e --arg id "$ID" --argjson n "$pages" '.ledger.uncharged | length == 1 and all(.[]; .container == $id and .pages == $n and .ns > 0 and .by == "exec")' "$ST"
	fi
}

@test "a hand-over between living processes sums to zero, and raises no alarm" {
	recorded charge --what type1 --pci "$(group)"
	same "answer" "$(answer drift)" no/none
	same "sum" "$(sum_of)" 0
	for mm in $(charges | jq -r .mm | sort -u); do same "sum of $mm" "$(sum_of "$mm")" 0; done
	credits_wrongly || same "VmLck of the new one" "${A[child_vmlck]}" "${A[mapped_vmlck]}"
	jq -e '.ledger.uncharged == []' "$ST"
}

@test "what a dying address space leaves is no leak" {
	recorded charge --what drop --pci "$(group)"
	jq -e 'all(.verdicts[]; .name != "drift" or .answer == "no")' "$ST"
}

@test "an exec before anybody looked: pinned, and charged to an address space that is gone" {
	! credits_wrongly || skip "row $KERNEL does not keep the address space with the range"
	act charge --what keep --pci "$(group)"
	look_at_tgid() { "$fdpin" status -j >"$ST" && ID=$(jq -r --argjson t "${A[tgid]}" 'first(.containers[] | select(any(.holders[]; .tgid == $t)) | .id)' "$ST"); }
	look_at_tgid
	same "answer" "$(answer drift)" yes/proven
	drift | grep -F "256K of $ID stay pinned"
	run "$fdpin" status --check
	[ "$status" -eq 1 ]
	[[ $output == "WARNING drift $ID |"* ]]
}

@test "iommufd, charged to the user: exec and CHANGE_PROCESS, and both to and fro, are right" {
	need_iommufd
	for what in user several; do
		recorded charge --what $what --pci "$(cdev)"
		same "change" "${A[changed_change]-}${A[again_change]-}" ok
		same "$what" "$(answer drift)" no/none
		same "sum" "$(sum_of)" 0
		for mm in $(charges | jq -r .mm | sort -u); do same "sum of $mm" "$(sum_of "$mm")" 0; done
	done
}

@test "iommufd, charged nowhere: CHANGE_PROCESS leaves pinned_vm behind, and VmPin wraps" {
	need_iommufd
	recorded charge --what none --pci "$(cdev)"
	same "VmPin, as the act saw it" "${A[end_vmpin]}" 18446744073709551360
	same "answer" "$(answer drift)" yes/proven
	drift | grep -E "IOMMU_IOAS_CHANGE_PROCESS gave $ID to mm-[0-9a-f]+, but 256K stay charged to mm-"
	drift | grep -E "unmap credited 256K to mm-[0-9a-f]+, whose pinned_vm went from 0 to -256K"
	"$fdpin" report -i "$BATS_TEST_TMPDIR/r.fdpin" | tr -s '\n ' ' ' | grep -F "VmPin: 18446744073709551360 kB"
}

@test "iommufd, charged to the address space: CHANGE_PROCESS fails and leaves a charge" {
	need_iommufd
	recorded charge --what mm --pci "$(cdev)"
	same "change" "${A[changed_change]}" EINVAL
	same "VmLck, as the act saw it" "${A[end_vmlck]}" 256
	same "answer" "$(answer drift)" yes/proven
	drift | grep -F "leak of 256K"
	drift | grep -E "change-process charged 256K to mm-[0-9a-f]+ and failed, as mm-[0-9a-f]+ could not be credited \(EINVAL\)"
}
