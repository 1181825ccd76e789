#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The way out of a deadlock: what is planned, what is done, and what is refused with the reason. Whether it helped is asked of the kernel (the state of
# the closer, whether it can be killed, what the act says when it goes on), not of the tool alone.

load helpers

setup() { need_blocking; }
teardown() { common_teardown; }

PLAN=$BATS_TEST_TMPDIR/rescue.json
SCHEMA=$top/dist/fdpin-trace-rescue.schema.json

# What `rescue -j` says of $ID goes to $PLAN, its status to STATUS; it has to be what the schema says.
rescue() {
	STATUS=0
	"$fdpin" rescue -j "$@" "$ID" >"$PLAN" || STATUS=$?
	valid "$PLAN" "$SCHEMA" || return 1
	same "plans" "$(jq '.plans | length' "$PLAN")" 1
	same "container" "$(plan .container)" "$ID"
}

plan() { jq -r ".plans[0] | $1" "$PLAN"; }
sound() { plan ".ways[] | select(.way == \"$1\") | .sound"; }
why() { plan ".ways[] | select(.way == \"$1\") | .why"; }

state() { awk '/^State/ { print $2 }' "/proc/$1/status" 2>/dev/null || echo gone; }
blocked() { grep -q vfio_wait "/proc/$1/stack" 2>/dev/null; }

# It can be killed, and is gone within seconds, but for its parent who does not ask.
ends() {
	local i
	kill -KILL "$1" 2>/dev/null || true
	for ((i = 0; i < 100; i++)); do
		case $(state "$1") in gone | Z) return 0 ;; esac
		sleep 0.1
	done
	echo "$1 is still there, state $(state "$1")" >&2
	return 1
}

hangs() {
	same "state of the closer ${A[closer_tid]}" "$(state "${A[closer_tid]}")" D
	blocked "${A[worker_tid]}"
}

# It was done, and the kernel agrees.
freed() {
	same status "$STATUS" 0
	same outcome "$(plan .performed.outcome)" freed
	same threads "$(plan .performed.threads_free)" yes
	same closer "$(plan .performed.closer_returned)" yes
	! blocked "${A[worker_tid]}"
	[ "$(state "${A[closer_tid]}")" != D ]
	ends "${A[closer_tid]}"
	! jq -e --arg id "$ID" '.verdicts[] | select(.name == "deadlock" and .subject == $id and .answer != "no")' <("$fdpin" status -j)
}

# A case: hangs, is rescued, ends.
rescue_case() {
	act "$@"
	look
	hangs
	rescue --perform --yes
	freed
}

@test "the plan names who is blocked, the range and the holder, and changes nothing" {
	act deadlock --op dma_rw --ctx work --close flush_work
	look
	rescue
	same status "$STATUS" 0
	same deadlock "$(plan '"\(.deadlock)/\(.grade)"')" yes/proven
	same blocked "$(plan '.blocked | map("\(.tid) \(.class)") | join(",")')" "${A[worker_tid]} worker"
	same closers "$(plan '.closers | map(.tid) | join(",")')" "${A[closer_tid]}"
	same holders "$(plan '.holders | map("\(.tgid) \(.fd)") | join(",")')" "${A[tgid]} ${A[container_fd]}"
	same ranges "$(plan '.ranges | map("\(.iova) \(.size) \(.wanted)") | join(",")')" "${A[iova]} $((A[size])) yes"
	same ways "$(plan '.ways | map("\(.way)=\(.sound)") | join(" ")')" \
		"unmap=yes re-validate=$([ "$KERNEL" = 6.1-unfixed ] && echo yes || echo no) close=no kill=no"
	same performed "$(plan .performed)" null
	"$fdpin" rescue "$ID" | tee /dev/stderr | grep -q "fdpin-trace rescue --perform $ID"
	sleep 1
	hangs
}

@test "what was not rescued stays stuck while the one beside it is freed" {
	once_on 6.1-unfixed
	local other_worker other_closer
	act deadlock --op dma_rw --ctx work --close flush_work
	other_worker=${A[worker_tid]} other_closer=${A[closer_tid]}
	act deadlock --op dma_rw --ctx work --close flush_work
	look
	hangs
	rescue --perform --yes
	freed
	same "steps" "$(plan '.performed.steps | map("\(.way) \(.result) \(.iova) \(.unmapped_bytes)") | join(",")')" "unmap done ${A[iova]} $((A[size]))"
	same "the other closer" "$(state "$other_closer")" D
	blocked "$other_worker"
	"$progs/act_plain" --timeout 60 >"$BATS_TEST_TMPDIR/plain"
	grep -q '^result=ended' "$BATS_TEST_TMPDIR/plain"
}

@test "again, when it is free: nothing to rescue" {
	once_on 6.1-unfixed
	act deadlock --op dma_rw --ctx work --close flush_work
	look
	"$fdpin" rescue --perform --yes "$ID" | tee /dev/stderr | grep -qx "FREED  $ID"
	same "state of the closer" "$(state "${A[closer_tid]}")" "[RS]"
	"$fdpin" rescue "$ID" | grep -q "Nothing to rescue"
	ends "${A[closer_tid]}"
}

@test "a pin, cancel_work_sync: the books balance" {
	rescue_case deadlock --op pin --ctx work --close cancel_work_sync --pins 4
}

@test "pages were pinned: they are credited, and the books say so" {
	once_on 6.1-unfixed
	act deadlock --op dma_rw --ctx work --close flush_work --pins 8
	look
	before=$(awk '/^VmLck/ { print $2 }' "/proc/${A[tgid]}/status")
	rescue --perform --yes
	same status "$STATUS" 0
	after=$(awk '/^VmLck/ { print $2 }' "/proc/${A[tgid]}/status")
	same "VmLck, from outside" "$before $after" "32 0"
	same "balance" "$(plan '.performed.balance | "\(.answer) \(.locked_vm_before) \(.locked_vm_after) \(.pinned_pages_before) \(.pinned_pages_after)"')" \
		"yes 8 0 8 0"
	freed
}

@test "drain_workqueue, and a mutex that the blocked thread owns" {
	once_on 6.1-unfixed
	rescue_case deadlock --op dma_rw --ctx work --close drain_workqueue
	rescue_case deadlock --op dma_rw --ctx work --close mutex
}

@test "a close that comes from exec" {
	once_on 6.1-unfixed
	rescue_case exec --what keep --op dma_rw --ctx work --close flush_work
}

@test "the closer was killed, nobody has the file any more: refused, with the reason" {
	once_on 6.1-unfixed
	act deadlock --op dma_rw --ctx work --close flush_work --how kill
	look
	rescue --perform --yes
	same status "$STATUS" 1
	same outcome "$(plan .performed.outcome)" refused
	same steps "$(plan '.performed.steps | length')" 0
	plan .performed.why | grep -q "no file table has the container's file"
	hangs
}

@test "likely only: cannot tell, and done if it is said to be certain" {
	once_on 6.1-unfixed
	act deadlock --op dma_rw --ctx work --close completion
	look
	rescue
	same "status of the plan" "$STATUS" 3
	same sound "$(sound unmap)" cannot-tell
	plan .doubt | grep -i completion
	rescue --perform --yes
	same "status without --likely" "$STATUS" 1
	hangs
	rescue --perform --yes --likely
	freed
}

@test "a user thread waits: refused, as waking it would oops" {
	once_on 6.1-unfixed
	act user --what two --op dma_rw
	look
	rescue --perform --yes --likely
	same status "$STATUS" 1
	same "ways" "$(plan '.ways | map(.sound) | unique | join(",")')" no
	plan .performed.why | grep -q "is a user thread. Waking it"
	same steps "$(plan '.performed.steps | length')" 0
	! dmesg | grep -E 'Oops|BUG:'
}

@test "a stall is no deadlock: refused, somebody can still restore" {
	once_on 6.1-unfixed
	act stall --op dma_rw --ctx work --close flush_work
	look
	rescue --perform --yes --likely
	same status "$STATUS" 1
	plan .performed.why | grep -q "it is no deadlock"
	blocked "${A[worker_tid]}"
}

# What each range came to at the end, as the act finds it, and the one of the other container.
ranges_came_to() { # STATES OTHER
	undo
	wait_line '^result=undone' "$BATS_TEST_TMPDIR/act.out"
	load_act
	same "ranges" "${A[range0_state]-} ${A[range1_state]-} ${A[range2_state]-} ${A[range3_state]-}" "$1"
	same "in the other container" "${A[other_state]-}" "$2"
}
range_steps() { plan '.performed.steps | map("\(.way) \(.result) \(.iova) \(.unmapped_bytes)") | join(",")'; }

@test "several ranges are invalid: all are named, they are unmapped one by one until it is free, and what is left is as it was" {
	act ranges --op dma_rw --ctx work --close flush_work --what second --pins 4
	look
	hangs
	rescue
	same "deadlock" "$(plan '"\(.deadlock)/\(.grade)"')" yes/proven
	same "ranges" "$(plan '.ranges | map("\(.iova) \(.size)") | join(",")')" \
		"${A[range0_iova]} ${A[range0_size]},${A[range1_iova]} ${A[range1_size]},${A[range2_iova]} ${A[range2_size]}"
	same "plans, of all containers" "$("$fdpin" rescue -j | jq -c --arg id "$ID" '[.plans[] | select(.container == $id) | .ranges | length]')" '\[3\]'
	before=$(awk '/^VmLck/ { print $2 }' "/proc/${A[tgid]}/status")
	rescue --perform --yes
	after=$(awk '/^VmLck/ { print $2 }' "/proc/${A[tgid]}/status")
	same status "$STATUS" 0
	same outcome "$(plan '.performed | "\(.outcome) \(.threads_free) \(.closer_returned)"')" "freed yes yes"
	same steps "$(range_steps)" "unmap done ${A[range0_iova]} ${A[range0_size]},unmap done ${A[range1_iova]} ${A[range1_size]}"
	! blocked "${A[worker_tid]}"
	same "the closer" "$(state "${A[closer_tid]}")" "[RS]"
	same "VmLck, from outside" "$before $after" "32 0"
	same "balance" "$(plan '.performed.balance | "\(.answer) \(.locked_vm_before) \(.locked_vm_after) \(.pinned_pages_before) \(.pinned_pages_after)"')" "yes 8 0 8 0"
	wait_line '^closed=yes' "$BATS_TEST_TMPDIR/act.out"
	ranges_came_to "gone gone invalid kept" invalid
}

@test "several ranges, and it is the first, or the last, that is waited for: no more of them than it takes" {
	once_on 6.1-unfixed
	act ranges --op dma_rw --ctx work --close flush_work --what first
	look
	rescue --perform --yes
	same "outcome" "$STATUS $(plan .performed.outcome)" "0 freed"
	same steps "$(range_steps)" "unmap done ${A[range0_iova]} ${A[range0_size]}"
	ranges_came_to "gone invalid invalid kept" invalid
	act ranges --op dma_rw --ctx work --close flush_work --what third --pins 2
	look
	rescue --perform --yes
	same "outcome" "$STATUS $(plan .performed.outcome)" "0 freed"
	same steps "$(plan '.performed.steps | map("\(.way) \(.iova)") | join(",")')" "unmap ${A[range0_iova]},unmap ${A[range1_iova]},unmap ${A[range2_iova]}"
	ranges_came_to "gone gone gone kept" invalid
}

@test "who was freed ends while rescue still looks: the group can be opened again, and no file is left" {
	local group rescuer i
	act deadlock --op dma_rw --ctx work --close flush_work
	look
	hangs
	group=/dev/vfio/$(basename "$(readlink "/sys/bus/mdev/devices/${A[uuid]}/iommu_group")")
	(
		close_files
		exec "$fdpin" rescue -j --perform --yes "$ID"
	) </dev/null >"$BATS_TEST_TMPDIR/rescue.out" 2>&1 &
	rescuer=$!
	wait_line '^closed=yes' "$BATS_TEST_TMPDIR/act.out"
	kill -KILL "${A[tgid]}"
	wait $rescuer || true
	for ((i = 0; i < 100; i++)); do
		case $(state "${A[tgid]}") in gone | Z) break ;; esac
		sleep 0.1
	done
	: <>"$group"
	same "files of it" "$(find /proc/[0-9]*/fd -lname "$group" 2>/dev/null || true)" ""
	same "children of rescue" "$(pgrep -x fdpin-rescue || true)" ""
}

# The driver is asked before pages are unpinned, and waits there for the work that is blocked.
@test "a driver that waits in dma_unmap stops the one who unmaps: the second step, where that is sound" {
	local left
	act deadlock --op dma_rw --ctx work --close flush_work --pins 4 --unmap-flush
	look
	rescue
	why unmap | grep -q "pinned pages"
	record_begins "$BATS_TEST_TMPDIR/steps.fdpin"
	rescue --perform --yes --wait 60s
	record_ends
	# restored by rescue: never where that would make it the owner
	same "restored" "$("$fdpin" report -j -i "$BATS_TEST_TMPDIR/steps.fdpin" |
		jq -c --arg id "$ID" '[.events[] | select(.type == "revalidate" and .container == $id) | .comm] | unique')" \
		"$([ "$KERNEL" = 6.1-unfixed ] && echo '\["fdpin-rescue"\]' || echo '\[\]')"
	same "first step" "$(plan '.performed.steps[0] | "\(.way) \(.result)"')" "unmap caught"
	left=$(plan '.performed.steps[0].borrower')
	if [ "$KERNEL" = 6.1-unfixed ]; then
		same "second step" "$(plan '.performed.steps[1] | "\(.way) \(.result)"')" "re-validate done"
		freed || { plan .performed; cat "/proc/$left/stack" "/proc/$left/status"; false; } >&2
		for ((i = 0; i < 50; i++)); do [ -e "/proc/$left" ] || break; sleep 0.1; done
		same "what was left behind" "$(state "$left")" gone
	else
		same status "$STATUS" 2
		same outcome "$(plan .performed.outcome)" stuck
		same steps "$(plan '.performed.steps | length')" 1
		plan .performed.why | grep -q "whoever restores it becomes its owner"
		hangs
		same "what was left behind" "$(cat "/proc/$left/comm") $(state "$left")" "fdpin-rescue D"
	fi
}

@test "without --yes nothing is done where there is nobody to ask" {
	once_on 6.1-unfixed
	act deadlock --op dma_rw --ctx work --close flush_work
	look
	run "$fdpin" rescue --perform "$ID" </dev/null
	same status "$status" 64
	hangs
	script -qec "'$fdpin' rescue --perform $ID" /dev/null <<<n >"$BATS_TEST_TMPDIR/asked" || same "status, not agreed to" $? 1
	grep -q "Unmap the range in $ID" "$BATS_TEST_TMPDIR/asked"
	grep -q REFUSED "$BATS_TEST_TMPDIR/asked"
	hangs
	script -qec "'$fdpin' rescue --perform $ID" /dev/null <<<y >"$BATS_TEST_TMPDIR/asked"
	grep -q "FREED" "$BATS_TEST_TMPDIR/asked"
	ends "${A[closer_tid]}"
}
