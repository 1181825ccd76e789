#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The guard: what deadlocks elsewhere is refused while it denies, told while it monitors, and nothing else is touched. On rows that refuse by
# themselves it is early refusal and audit: the results are the same, and the records are there. Nothing here can block for good. One guard denies
# from the first test to the one that ends it: to start it is what takes long.

load helpers
load guard

teardown() { guard_teardown; }
teardown_file() {
	load guard
	guard_teardown_file
}

GROUP=/dev/vfio/$(sed -n 1p "$RUN/pci-groups")
# The LSM, unless this machine was booted without BPF among them.
MECHANISM=$(grep -qw bpf /sys/kernel/security/lsm && echo lsm || echo fmod_ret)

# Where nothing refuses by itself, an mdev is in a container with an invalid range, before the guard is there.
@test "it comes up proven, natively and as a 32-bit call, and says what it can promise on this kernel" {
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	if ! refuses; then
		act guard --what open
		# else it would be killed for what is so already: 03-
		EXEMPTION=$("$fdpin" enforce --root "$BATS_FILE_TMPDIR/tree" --exempt mdev-vaddr --for 1h --reason 'ticket 17' --pid $$)
	fi
	# as for the service: the files of modules are out of sight
	GUARD_IN=(unshare -m sh -c 'mount -t tmpfs none /lib/modules && exec "$@"' sh)
	guard
	if ! refuses; then
		rm "$EXEMPTION"
		wait_line 'Exemption is over' "$GUARD.err"
	fi
	same mechanism "$(guard_says mechanism)" "$MECHANISM"
	same "32-bit calls" "$(guard_says compat)" refused
	same promise "$(guard_says promise)" "$(refuses && echo audit || echo honest)"
	same "veto" "$(guard_says no_veto)" null
	same "actions" "$(jq -r 'select(.type == "guard") | [.rules[] | "\(.name)=\(.action)"] | join(" ")' "$GUARD")" "mdev-vaddr=deny strict=off exec-pinned=off file-backed=off max-window=off protect=off"
	if ! refuses; then
		oracle_says "$BOTH"
		kill -USR1 "${A[tgid]}"
		wait_line '^over=' "$BATS_TEST_TMPDIR/act.out"
		load_act
		oracle_says "$STILL"
		same "opened while invalid" "${A[open]}" EBUSY
		same "opened when valid" "${A[open_valid]}" done
		same "told" "$(decisions mdev-vaddr denied open)" 1
	fi
}

@test "an invalidation beside an mdev: EBUSY in every form, through both ABIs; no other call is touched" {
	need_mdev
	oracle_begins
	asks guard --what calls --rounds 10
	same "plain" "${A[invalidate]}" EBUSY
	same "as QEMU does" "${A[invalidate_all]}" EBUSY
	same "as a 32-bit call" "${A[invalidate_compat]}" EBUSY
	same "argument not there" "${A[invalidate_nonresident]}" EFAULT
	same "argument half there" "${A[invalidate_straddle]}" EFAULT
	same "no pointers" "${A[bad_null]} ${A[bad_kernel]} ${A[bad_noncanonical]}" "EFAULT EFAULT EFAULT"
	same "other files" "${A[elsewhere_null]} ${A[elsewhere_pipe]}" "ENOTTY ENOTTY"
	same "storm" "${A[storm_failed]} of ${A[storm_calls]}" "0 of 320"
	same "unmap" "${A[unmap]}" done
	oracle_saw "$STILL" invalidate invalidate_all invalidate_compat invalidate_nonresident invalidate_straddle bad_null bad_kernel bad_noncanonical
	# three that could be read, two in pages that were not there, three pointers to nothing
	same "told" "$(decisions mdev-vaddr denied invalidate)" 8
	jq -en --argjson t "${A[tgid]}" --arg iova "${A[iova]}" 'first(inputs | select(.type == "decision" and .tgid == $t))
		| .result == -16 and .iova == $iova and .flags == "0x4" and .emulated' "$GUARD"
}

@test "both directions: an mdev that joins while a range is invalid gets EBUSY, and joins when it is valid" {
	need_mdev
	oracle_begins
	asks refused --pci "$GROUP"
	same "invalidate" "${A[invalidate_with_mdev]}" EBUSY
	same "invalidate without an mdev" "${A[invalidate_without_mdev]}" done
	same "attach" "${A[attach_while_invalid]}" EBUSY
	same "attach later" "${A[attach_when_valid]}" done
	oracle_saw "$STILL" invalidate_with_mdev attach_when_valid
	oracle_saw "$WINDOW" invalidate_without_mdev attach_while_invalid
	same "told" "$(decisions mdev-vaddr denied invalidate) $(decisions mdev-vaddr denied attach)" "1 1"
}

# No more of them than the live trace has room for without being drained: how fast that is must not decide later tests.
@test "both at once: of an invalidation and an mdev that joins, never do both succeed, and not always neither" {
	need_mdev
	oracle_begins --watch
	asks guard --what race --pci "$GROUP" --rounds $((${FDPIN_LONG:-0} ? 2000 : 500))
	oracle_ends
	same "both" "${A[race_both]}" 0
	same "other errors" "${A[race_other]}" 0
	[ $((A[race_invalidated] + A[race_joined])) -gt 0 ]
	# after each round it was asked, and all the time between it has looked besides
	same "seen invalid" "$(grep -c "^race: .* $WINDOW " "$ORACLE" || true)" "${A[race_invalidated]}"
	same "seen joined" "$(grep -c "^race: .* $STILL " "$ORACLE" || true)" "${A[race_joined]}"
	same "seen neither" "$(grep -c "^race: .* $ALONE " "$ORACLE" || true)" "${A[race_neither]}"
	same "looks at both" "${LOOKS[both]}" 0
	[ "${LOOKS[looks]}" -gt "${A[race_rounds]}" ]
	echo "# of ${A[race_rounds]}: ${A[race_invalidated]} invalidated, ${A[race_joined]} joined, ${A[race_neither]} neither; ${LOOKS[looks]} looks" >&3
}

@test "what would deadlock does not even begin" {
	need_mdev
	act deadlock --op dma_rw --ctx work --close flush_work
	same "refused" "${A[refused]}" EBUSY
	same "told" "$(decisions mdev-vaddr denied invalidate)" 1
	"$fdpin" status -j >"$ST"
	jq -e 'all(.verdicts[]; .answer != "yes")' "$ST"
}

# It gets past only if the flag is turned on between two reads of the kernel, which is a matter of luck: what is tested is that nobody does unseen.
@test "who changes its argument under the call is stopped, or found out and killed" {
	need_mdev
	need_blocking
	local killed=0
	oracle_begins --watch
	"$progs/act_guard" "${ASK[@]}" --what flip --rounds $((${FDPIN_LONG:-0} ? 3000 : 1000)) --timeout 100 >"$BATS_TEST_TMPDIR/act.out" 2>&1 </dev/null || killed=1
	load_act
	oracle_ends
	same "got past" "$(decisions mdev-vaddr not-prevented invalidate)" "$killed"
	# of one who is killed at once it may have seen it, or not
	[ "$killed" = 1 ] || same "looks at both" "${LOOKS[both]}" 0
	[ "${LOOKS[containers]}" -ge 1 ]
	[ "$killed" = 1 ] || [ "${A[flip_denied]}" -gt 0 ]
	[ ! -e "/proc/${A[tgid]}" ] || grep -q '^State:.*Z' "/proc/${A[tgid]}/status"
	echo "# ${A[flip_rounds]-0} rounds, killed: $killed; ${LOOKS[looks]} looks, at both: ${LOOKS[both]}" >&3
}

@test "what has nothing to do with it is never denied: pins, unmaps, a hand-over without an mdev" {
	if [ "$FDPIN_MODULE" != none ]; then
		act_ends plain
		untouched
	fi
	act_ends pci --what cycle --pci "$GROUP"
	untouched
}

# It is stopped, so that none is read: they do not fit into the half of its buffer that is theirs.
@test "a storm of refusals that it cannot tell of in time: each is refused and counted, and it says how many records are lost" {
	once_on 6.1-unfixed iommufd
	local before after said
	before=$(wc -l <"$GUARD")
	said=$(grep -c '"type":"lost"' "$GUARD" || true)
	oracle_begins
	kill -STOP "$(cat "$GUARD.pid")"
	asks guard --what storm --rounds 2000
	oracle_saw "$STILL" storm
	kill -CONT "$(cat "$GUARD.pid")"
	same "calls" "${A[attack_refused]} ${A[attack_allowed]}" "2000 0"
	# what comes next it has room for again, and tells
	wait_lines $((said + 1)) '"type":"lost"' "$GUARD"
	answers EBUSY
	same "told" "$(decisions mdev-vaddr denied invalidate)" 1
	after=$(tail -n +$((before + 1)) "$GUARD" | grep -c '"comm":"act_guard".*"action":"denied"')
	[ "$after" -gt 100 ]
	[ "$after" -lt 2000 ]
	tail -n +$((before + 1)) "$GUARD" | grep '"type":"lost"' | valid --lines - "$top/dist/fdpin-trace-enforce.schema.json"
}

# Of the refusals above, and of those of who changes his argument, or races, there may be more than it gets to read.
@test "its counters say what its records say, and it goes when it is told to" {
	unguard
	all_told_or_lost
	[ "$(counted mdev-vaddr denied)" -ge "$(grep -c '"action":"denied"' "$GUARD")" ]
	# only where the kernel does not refuse can anybody get past, and then does not live; but for the one that was there before
	same "got past" "$(counted mdev-vaddr not_prevented)" "$(jq -r 'select(.type == "summary") | .killed + .swept' "$GUARD")"
	same "found" "$(jq -r 'select(.type == "summary") | .swept' "$GUARD")" "$(refuses && echo 0 || echo 1)"
	refuses && same "killed" "$(jq -r 'select(.type == "summary") | .killed' "$GUARD")" 0
	same "strict" "$(counted strict denied) $(counted strict would_deny)" "0 0"
	jq -en 'inputs | select(.type == "summary") | .no_room == 0 and .missed == 0' "$GUARD"
	# not all of the thousands that the one who changes its argument gave cause for
	{ head -n 30 "$GUARD" && tail -n 2 "$GUARD"; } | valid --lines - "$top/dist/fdpin-trace-enforce.schema.json"
}

# What each call of act_past came to at some time; of those that it made.
past_calls() { # WHEN…
	local when call
	for when; do
		for call in version extension status info info32 map device open opened open_pci join invalidate; do
			printf '%s=%s ' "$call" "${A[${when}_$call]-}"
		done
	done
}
past_goes_on() {
	kill -USR1 "${A[tgid]}"
	wait_line "^${1:-over}=" "$BATS_TEST_TMPDIR/act.out"
	load_act
}
past_acts() { act past --rounds 1000000 --timeout 240 "$@"; }
# The quarantines that were told: [who, what came of it, the call] each.
quarantines() { grep quarantine- "$GUARD" | jq -cn '[inputs | select(.type == "decision" and (.action | startswith("quarantine-"))) | [.tgid, .action, .op]]'; }

ANSWERED="version=done extension=done status=done"
NOT_ANSWERED="info=EBUSY info32=EBUSY map=EBUSY device=EBUSY open=EBUSY opened= open_pci=EBUSY join=EBUSY invalidate=EBUSY "
ALL_ANSWERED="$ANSWERED info=done info32=done map=done device=done open=done opened=done open_pci=done join=done "

@test "in a PID namespace of its own it does not come up: whom it has to kill it would not know" {
	run unshare -pf --mount-proc timeout 60 "$fdpin" enforce
	[ "$status" -eq 78 ]
	[[ $output == *"PID namespace of its own"* ]]
}

# It is refused by what its group is in when it is asked for; the veto is for who has asked before.
@test "strict: a mediated device that got into a container by a number that was changed is not opened there" {
	need_mdev
	policy '[strict]' 'action = deny' '[mdev-vaddr]' 'action = monitor' 'sticky = no'
	guard
	act_ends attempts --what admitted --pci "$GROUP" --rounds 1000000
	same "opened" "${A[swapped]} ${A[swapped_later]}" "EPERM EPERM"
	unguard
	[ "$(jq -r 'select(.type == "decision" and .rule == "strict" and .action == "denied" and .op == "open") | .op' "$GUARD" | wc -l)" -ge 1 ]
}

@test "quarantine: who shares the container of one who got past gets EBUSY on all of it, and on nothing else, until the range is unmapped" {
	need_mdev
	need_blocking
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	guard
	past_acts --pci "$GROUP"
	same "past" "${A[past]}" killed
	oracle_says "$BOTH"
	same "calls" "$(past_calls now)" "$ANSWERED $NOT_ANSWERED"
	same "on another container" "$(past_calls other)" "version= extension= status= info=done info32=done map=done device=done open=done opened=done open_pci= join=done invalidate= "
	past_goes_on
	same "freed" "${A[free_call]} ${A[free_remap]} ${A[free_pin]}" "done done done"
	oracle_says "${STILL/ranges=1/ranges=0}"
	same "calls afterwards" "$(past_calls free)" "${ALL_ANSWERED}invalidate=EBUSY "
	same "told" "$(quarantines)" '\[\['"${A[past_tgid]}"',"quarantine-begins","invalidate"\],\['"${A[tgid]}"',"quarantine-ends","unmap"\]\]'
	same "by call" "$(jq -cn --argjson t "${A[tgid]}" '[inputs | select(.type == "decision" and .tgid == $t and .action == "quarantined") | .op]' "$GUARD")" \
		'\["other","other","map","other","open","open","attach","invalidate"\]'
	same "as a rule" "$(decisions mdev-vaddr denied invalidate)" 1
	undo
	unguard
}

@test "quarantine: of files that nobody has but a socket; ended by restoring, by taking the mdev out, by the end of the last who has it" {
	once_on 6.1-unfixed
	need_mdev
	need_blocking
	local i
	guard
	past_acts --what parked --pci "$GROUP"
	same "parked" "${A[past]} $(past_calls now)" "killed $ANSWERED $NOT_ANSWERED"
	past_goes_on
	same "calls afterwards" "${A[free_call]} $(past_calls free)" "done ${ALL_ANSWERED}invalidate=EBUSY "
	undo
	past_acts --what restore --pci "$GROUP"
	same "shared" "${A[past]} $(past_calls now)" "killed $ANSWERED $NOT_ANSWERED"
	past_goes_on
	same "restored" "${A[free_call]} $(past_calls free)" "done ${ALL_ANSWERED}invalidate=EBUSY "
	same "told" "$(quarantines | jq -c '.[-1]')" '\['"${A[tgid]}"',"quarantine-ends","revalidate"\]'
	undo
	past_acts --what leave --pci "$GROUP"
	past_goes_on
	# an address is invalid still, so no mdev may join, by the rule
	same "without its mdev" "${A[free_call]} ${A[free_info]} ${A[free_map]} ${A[free_join]}" "done done done EBUSY"
	same "told" "$(quarantines | jq -c '.[-1]')" '\['"${A[tgid]}"',"quarantine-ends","detach"\]'
	same "of the join" "$(decisions mdev-vaddr denied attach)" 1
	undo
	past_acts
	kill -KILL "${A[tgid]}"
	for ((i = 0; i < 100; i++)); do
		[ "$(quarantines | jq -c '.[-1][1]')" != '"quarantine-ends"' ] || break
		sleep 0.1
	done
	# its group was the only one in the container
	same "told" "$(quarantines | jq -c '.[-1][1:]')" '\["quarantine-ends","@(detach|release)"\]'
	undo
	unguard
	same "counted" "$(jq -r 'select(.type == "summary") | "\(.killed) \(.quarantines) \(.quarantines_over) \(.rules[0].quarantined)"' "$GUARD")" "4 4 4 +([0-9])"
	# of refusals without end some are not told, these all are
	same "told" "$(quarantines | jq length)" 8
	{ head -n 1 "$GUARD" && grep quarantine "$GUARD" && tail -n 1 "$GUARD"; } | valid --lines - "$top/dist/fdpin-trace-enforce.schema.json"
}

@test "quarantine: without a guard, and while it monitors, all of it goes on, and alike" {
	once_on 6.1-unfixed
	need_mdev
	need_blocking
	local without past="version=done extension=done status=done info=done info32=done map=done device=done open=done opened=done open_pci=done join=done invalidate=EINVAL "
	past_acts --pci "$GROUP"
	same "past" "${A[past]} $(past_calls now)" "yes $past"
	past_goes_on
	without="$(past_calls now other free) ${A[free_call]} ${A[free_pin]}"
	undo
	guard --monitor
	past_acts --pci "$GROUP"
	same "past" "${A[past]}" yes
	past_goes_on
	same "the same" "$(past_calls now other free) ${A[free_call]} ${A[free_pin]}" "$without"
	undo
	unguard
	jq -en 'inputs | select(.type == "summary") | .killed == 0 and .quarantines == 0 and .rules[0].quarantined == 0' "$GUARD"
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no' 'contain = kill'
	guard
	past_acts --pci "$GROUP"
	same "only killed" "${A[past]} ${A[now_info]} ${A[now_map]} ${A[now_device]} ${A[now_open_pci]}" "killed done done done done"
	undo
	unguard
	jq -en 'inputs | select(.type == "summary") | .killed == 1 and .quarantines == 0' "$GUARD"
}

@test "quarantine: a map that says it restores, until its argument is there, is a map" {
	once_on 6.1-unfixed
	need_mdev
	need_blocking
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	guard
	past_acts --what late
	same "past" "${A[past]}" killed
	same "late" "${A[now_late_asked]} ${A[now_late]}" "no EBUSY"
	past_goes_on
	same "freed" "${A[free_call]} ${A[free_late_asked]} ${A[free_late]}" "done yes done"
	undo
	unguard
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no' 'contain = kill'
	guard
	past_acts --what late
	same "only killed" "${A[past]} ${A[now_late_asked]} ${A[now_late]}" "killed yes done"
	undo
	unguard
}

@test "quarantine: not because of whom the rule is not for, or who is exempt; it is for everybody, but not for who is exempt then" {
	once_on 6.1-unfixed
	need_mdev
	need_blocking
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no' 'cgroup = /scopes/inside'
	guard
	enter /scopes/elsewhere
	past_acts --pci "$GROUP"
	same "by an outsider" "${A[past]} ${A[now_info]} ${A[now_map]}" "yes done done"
	undo
	enter /scopes/inside
	past_acts --pci "$GROUP" --pins 2
	same "by an insider" "${A[past]} $(past_calls now)" "killed $ANSWERED $NOT_ANSWERED"
	echo "${A[tgid]}" >/sys/fs/cgroup/scopes/elsewhere/cgroup.procs
	past_goes_on again1
	same "outside" "$(past_calls again1)" "$ANSWERED $NOT_ANSWERED"
	exempt mdev-vaddr 1h --pid "${A[tgid]}"
	past_goes_on again2
	same "exempt" "${A[again2_info]} ${A[again2_map]} ${A[again2_device]} ${A[again2_open_pci]}" "done done done done"
	[ "$(decisions mdev-vaddr exempt map)" = 1 ]
	rm "$EXEMPTION"
	past_goes_on
	undo
	exempt mdev-vaddr 1h --exe "$progs/act_past"
	enter /scopes/inside
	past_acts --pci "$GROUP"
	same "by one who is exempt" "${A[past]} ${A[now_info]} ${A[now_map]}" "yes done done"
	rm "$EXEMPTION"
	undo
	enter /
	unguard
	jq -en 'inputs | select(.type == "summary") | .killed == 1 and .quarantines == 1 and .quarantines_over == 1' "$GUARD"
}

# On kernels without the refusals only: one with them has no use for it.
@test "sticky: a container in which a range was invalid gets no mdev any more" {
	need_mdev
	need_blocking
	policy '[mdev-vaddr]' 'action = deny' '[strict]' 'action = monitor'
	guard
	act_ends refused --pci "$GROUP"
	same "invalidate without an mdev" "${A[invalidate_without_mdev]}" done
	same "attach" "${A[attach_while_invalid]} ${A[attach_when_valid]}" "EBUSY EBUSY"
	# one rule that only monitors does not let by what another one denies
	act_ends guard --what join
	same "mdev" "${A[join_mdev]}" done
	same "mdev, with an argument that is not there" "${A[join_nonresident]}" EFAULT
	unguard
	jq -en 'inputs | select(.type == "summary") | .sticky == 1' "$GUARD"
	nothing_lost
}

# Nothing waits for these ranges: each is restored at once.
@test "monitor: the same acts are let through, with a record of what would have been denied" {
	need_mdev
	policy '[mdev-vaddr]' 'action = deny'
	guard --monitor
	same "action" "$(jq -r 'select(.type == "guard") | .rules[0].action' "$GUARD")" monitor
	oracle_begins
	asks guard --what calls --rounds 2
	same "plain" "${A[invalidate]}" "$(refuses && echo EBUSY || echo done)"
	same "as a 32-bit call" "${A[invalidate_compat]}" "$(refuses && echo EBUSY || echo done)"
	same "argument not there" "${A[invalidate_nonresident]}" "$(refuses && echo EBUSY || echo done)"
	oracle_saw "$(refuses && echo "$STILL" || echo "$BOTH")" invalidate invalidate_compat invalidate_nonresident
	unguard
	same "would be denied" "$(decisions mdev-vaddr would-deny invalidate) $(counted mdev-vaddr would_deny)" "8 8"
	same "denied" "$(counted mdev-vaddr denied)" 0
	# and what got there was seen each time: native, all, compat, and the two whose argument the guard could not read
	same "not prevented" "$(counted mdev-vaddr not_prevented)" "$(refuses && echo 0 || echo 5)"
	nothing_lost
}

@test "strict: no mdev in a type1 container; a device, and an iommufd in place of a container, are none of its business" {
	once_on 6.1 iommufd
	need_mdev
	policy '[strict]' 'action = deny' 'errno = EACCES'
	guard
	act_ends guard --what join --pci "$GROUP"
	same "mdev" "${A[join_mdev]} ${A[join_nonresident]}" "EACCES EFAULT"
	same "device" "${A[join_pci]}" done
	same "told" "$(decisions strict denied attach)" 2
	if [ -e /dev/iommu ]; then
		act_ends guard --what iommufd
		same "join of an iommufd" "${A[join_iommufd]}" done
		untouched
	fi
	unguard
	same "counted" "$(counted strict denied)" 2
	nothing_lost
}

@test "exec-pinned: no exec that keeps a container with an invalid address; any other" {
	once_on 6.1 iommufd
	policy '[exec-pinned]' 'action = deny' 'errno = EACCES'
	guard
	act_ends pci --what children --pci "$GROUP"
	same "execs" "${A[exec_kept]} ${A[exec_closed]} ${A[exec_valid]}" "EACCES done done"
	"$fdpin" --version >/dev/null
	unguard
	same "told" "$(jq -cn '[inputs | select(.type == "decision") | [.rule, .action, .op, .invalid, .comm]]' "$GUARD")" \
		'\[\["exec-pinned","denied","exec",1,"act_pci"\]\]'
	same "counted" "$(counted exec-pinned denied)" 1
	nothing_lost
	policy '[exec-pinned]' 'action = monitor'
	guard
	act_ends pci --what exec --pci "$GROUP"
	[ -n "${A[successor_vmlck]}" ]
	unguard
	same "counted" "$(counted exec-pinned would_deny)" 1
}

# What each call of act_guard --what memory came to.
memory_came_to() {
	local what
	for what in memfd shared all_backed unread_backed anonymous compat private half gone all unread again part nothing flags; do
		printf '%s=%s ' "$what" "${A[memory_$what]-}"
	done
}

BACKED="memfd=done shared=done all_backed=done unread_backed=done"
DRIVERS="part=EINVAL nothing=EINVAL flags=EINVAL "

@test "file-backed: no address of memory without a file is invalidated, of any kind; what the driver refuses it refuses itself" {
	once_on 6.1 iommufd
	policy '[file-backed]' 'action = deny' 'errno = EACCES'
	guard
	act_ends guard --what memory --pci "$GROUP"
	same "calls" "$(memory_came_to)" "$BACKED anonymous=EACCES compat=EACCES private=EACCES half=EACCES gone=EACCES all=EACCES unread=EFAULT again=done $DRIVERS"
	same "unmap" "${A[memory_unmap]}" done
	same "memory of another process" "${A[memory_of_another]}" EACCES
	same "told" "$(decisions file-backed denied invalidate)" 7
	# the range it is about, also where the call was about all of them
	same "of what" "$(jq -cn --argjson t "${A[tgid]}" '[inputs | select(.type == "decision" and .tgid == $t) | [.memory, .iova, .untold]] | unique' "$GUARD")" \
		'\[\["anonymous","0x102000000",false\],\["anonymous","0x103000000",false\],\["anonymous","0x104000000",false\],\["unknown","0x105000000",false\]\]'
	A[tgid]=${A[child_tgid]}
	same "told of the child" "$(decisions file-backed denied invalidate)" 1
	unguard
	same "counted" "$(counted file-backed denied)" 8
	jq -en 'inputs | select(.type == "summary") | .untold == 1 and .nonresident == 1' "$GUARD"
	nothing_lost
	valid --lines "$GUARD" "$top/dist/fdpin-trace-enforce.schema.json"
}

@test "file-backed: beside an mdev it is the same, and who monitors it changes nothing" {
	once_on 6.1-unfixed
	policy '[mdev-vaddr]' 'action = off' '[file-backed]' 'action = deny'
	if [ "$FDPIN_MODULE" != none ]; then
		guard
		act_ends guard --what memory
		local backed=done
		! refuses || backed=EBUSY
		same "backed" "${A[memory_memfd]} ${A[memory_all_backed]} ${A[memory_again]}" "$backed $backed $backed"
		same "not backed" "${A[memory_anonymous]} ${A[memory_half]} ${A[memory_all]} ${A[memory_unread]}" "EPERM EPERM EPERM EFAULT"
		unguard
	fi
	act_ends guard --what memory --pci "$GROUP"
	local without
	without="$(memory_came_to) ${A[memory_of_another]}"
	guard --monitor
	act_ends guard --what memory --pci "$GROUP"
	same "calls" "$(memory_came_to) ${A[memory_of_another]}" "$without"
	unguard
	same "would be denied" "$(counted file-backed would_deny) $(counted file-backed denied)" "8 0"
}

# Records of the rule: [who, what came of it, the length in half seconds] each. The limit is looked at twice a second; emulation may be slower.
windows_told() { jq -cn '[inputs | select(.type == "decision" and .rule == "max-window") | [.tgid, .action, (.window_ns / 500000000 | floor)]]' "$GUARD"; }

@test "max-window: who keeps an address invalid is told once, with the length; who restores it in time is not, nor who does without" {
	once_on iommufd
	act pci --timeout 300 --what invalid --pci "$GROUP"
	policy '[mdev-vaddr]' 'action = off' '[max-window]' 'action = deny' 'limit = 2s'
	guard --monitor
	# it stood before the guard came: by whom nobody has seen
	wait_line '"rule":"max-window"' "$GUARD"
	same "told" "$(windows_told)" '\[\[0,"would-deny",[4-9]\]\]'
	kill -0 "${A[invalidator_tgid]}"
	undo
	unguard
	guard --monitor
	act_ends pci --what cycle --pci "$GROUP"
	act pci --what invalid --pci "$GROUP"
	wait_line '"rule":"max-window"' "$GUARD"
	sleep 2
	same "told" "$(windows_told)" '\[\['"${A[invalidator_tgid]}"',"would-deny",[4-9]\]\]'
	jq -en --arg iova "${A[iova]}" 'first(inputs | select(.type == "decision")) | .op == "invalidate" and .invalid == 1 and .container != null and .comm == "act_pci"' "$GUARD"
	kill -0 "${A[invalidator_tgid]}"
	unguard
	same "counted" "$(counted max-window would_deny) $(counted max-window denied) $(counted max-window not_prevented)" "1 0 0"
	jq -en 'inputs | select(.type == "summary") | .killed == 0 and .unwatched == 0' "$GUARD"
	nothing_lost
}

@test "max-window: while it denies, who opened the window is killed, and nobody else, and not who has restored it" {
	once_on 6.1-unfixed
	policy '[mdev-vaddr]' 'action = off' '[max-window]' 'action = deny' 'limit = 1s'
	guard
	act_ends pci --what cycle --pci "$GROUP"
	act pci --what invalid --pci "$GROUP"
	local opener=${A[invalidator_tgid]} i
	for ((i = 0; i < 300; i++)); do
		[ -e "/proc/$opener" ] && ! grep -q '^State:.*Z' "/proc/$opener/status" || break
		sleep 0.1
	done
	[ "$i" -lt 300 ]
	same "told" "$(windows_told)" '\[\['"$opener"',"denied",[2-9]\]\]'
	undo
	# who opened it is no more, and who has the container now has done nothing
	act guard --what gone --pci "$GROUP"
	wait_line 'nobody was killed for a window' "$GUARD.err"
	grep -q 'who opened it is no more' "$GUARD.err"
	sleep 1
	kill -0 "${A[tgid]}"
	same "told" "$(windows_told)" '\[\['"$opener"',"denied",[2-9]\],\['"${A[invalidator_tgid]}"',"not-prevented",[2-9]\]\]'
	unguard
	same "counted" "$(counted max-window would_deny) $(counted max-window denied) $(counted max-window not_prevented)" "0 1 1"
	jq -en 'inputs | select(.type == "summary") | .killed == 1' "$GUARD"
	nothing_lost
	valid --lines "$GUARD" "$top/dist/fdpin-trace-enforce.schema.json"
}

# One guard with a scope of each kind, on rules that no kernel has by itself.
@test "scope: by control group, also one made later, and wherever the caller is at that moment; by user, real or not; by program" {
	once_on iommufd
	need_mdev
	local real=$progs progs=$progs dir=$BATS_TEST_TMPDIR/bin
	mkdir "$dir"
	cp "$progs/act_pci" "$progs/act_guard" "$dir"
	enter /scopes/elsewhere
	policy '[mdev-vaddr]' 'action = off' \
		'[strict]' 'action = deny' 'errno = EACCES' 'cgroup = mach?ne-*.scope' \
		'[file-backed]' 'action = deny' 'errno = EACCES' 'uid = 4000, 5000-5999' \
		'[exec-pinned]' 'action = deny' 'errno = EACCES' "exe = $real/act_p*i" \
		'[max-window]' 'action = monitor' 'limit = 1s' 'cgroup = /scopes/machine-*/below'
	guard
	same "its scope" "$(guard_says 'rules[1] | .applies_to + " " + .scope.cgroup')" 'mach\?ne-\*.scope mach\?ne-\*.scope'

	act guard --what moves --rounds 5
	try_join 1
	enter /scopes/machine-later.scope/below/and-below
	echo "${A[tgid]}" >/sys/fs/cgroup/scopes/machine-later.scope/below/and-below/cgroup.procs
	try_join 2
	echo "${A[tgid]}" >/sys/fs/cgroup/scopes/machine-later.scope/cgroup.procs
	try_join 3
	mkdir -p /sys/fs/cgroup/scopes/machine-no.scope.not
	echo "${A[tgid]}" >/sys/fs/cgroup/scopes/machine-no.scope.not/cgroup.procs
	try_join 4
	echo "${A[tgid]}" >/sys/fs/cgroup/cgroup.procs
	try_join 5
	same "joins" "${A[join_1]} ${A[join_2]} ${A[join_3]} ${A[join_4]} ${A[join_5]}" "done EACCES EACCES done done"
	same "told" "$(decisions strict denied attach)" 2
	undo

	# not the root user's, though that is whom it acts as: as a program is that is set-uid
	progs=$dir
	printf '#!/bin/sh\nexec setpriv --ruid "$AS" %s/act_guard "$@"\n' "$real" >"$dir/act_guard"
	AS=5999 act_ends guard --what memory --pci "$GROUP"
	same "in the range" "${A[memory_anonymous]} ${A[memory_all]} ${A[memory_memfd]}" "EACCES EACCES done"
	AS=6000 act_ends guard --what memory --pci "$GROUP"
	same "behind it" "${A[memory_anonymous]} ${A[memory_all]}" "done done"
	untouched

	act_ends pci --what children --pci "$GROUP"
	same "another file" "${A[exec_kept]} ${A[exec_closed]} ${A[exec_valid]}" "done done done"
	progs=$real
	act_ends pci --what children --pci "$GROUP"
	same "this file" "${A[exec_kept]} ${A[exec_closed]} ${A[exec_valid]}" "EACCES done done"

	# of a window, whoever opened it: it is in the scope then, or it is not
	enter /scopes/elsewhere
	act pci --what invalid --pci "$GROUP"
	echo "${A[invalidator_tgid]}" >/sys/fs/cgroup/scopes/machine-later.scope/below/cgroup.procs
	sleep 3
	same "opened elsewhere" "$(windows_told)" '\[\]'
	undo
	enter /scopes/machine-later.scope/below
	act pci --what invalid --pci "$GROUP"
	enter /
	wait_line '"rule":"max-window"' "$GUARD"
	same "opened in the scope" "$(jq -cn '[inputs | select(.type == "decision" and .rule == "max-window") | .tgid]' "$GUARD")" '\['"${A[invalidator_tgid]}"'\]'
	undo
	unguard
	same "let through" "$(counted strict outside) $(counted exec-pinned outside)" "3 1"
	[ "$(counted file-backed outside)" -ge 5 ]
	jq -en 'inputs | select(.type == "summary") | .unknown_caller == 0 and .untold == 1' "$GUARD"
	nothing_lost
	valid --lines "$GUARD" "$top/dist/fdpin-trace-enforce.schema.json"
}

@test "scope of mdev-vaddr: whom it is not for is let through and not killed, the device that is opened is judged where its opener is" {
	once_on 6.1-unfixed
	need_mdev
	local dir=$BATS_TEST_TMPDIR/bin
	mkdir "$dir"
	cp "$progs/act_guard" "$dir/old"
	enter /scopes/elsewhere
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no' 'cgroup = /scopes/inside' '[strict]' 'action = deny' "exe = $dir/new"
	guard
	wait_line 'weaker with a scope' "$GUARD.err"
	act_ends guard --what calls --rounds 2
	same "elsewhere" "${A[invalidate]} ${A[invalidate_all]} ${A[invalidate_nonresident]}" "$(refuses && echo 'EBUSY EBUSY EBUSY' || echo 'done done done')"
	untouched
	enter /scopes/inside/deeper
	act_ends guard --what calls --rounds 2
	same "inside" "${A[invalidate]} ${A[invalidate_all]} ${A[invalidate_compat]} ${A[invalidate_nonresident]}" "EBUSY EBUSY EBUSY EFAULT"
	same "told" "$(decisions mdev-vaddr denied invalidate)" 8
	enter /scopes/elsewhere
	if ! refuses; then
		act guard --what open
		echo "${A[tgid]}" >/sys/fs/cgroup/scopes/inside/cgroup.procs
		kill -USR1 "${A[tgid]}"
		wait_line '^over=' "$BATS_TEST_TMPDIR/act.out"
		load_act
		same "opened inside" "${A[open]} ${A[open_valid]}" "EBUSY done"
		undo
		act guard --what open
		kill -USR1 "${A[tgid]}"
		wait_line '^over=' "$BATS_TEST_TMPDIR/act.out"
		load_act
		same "opened elsewhere" "${A[open]} ${A[open_valid]}" "done done"
		undo
	fi

	# a program that was there before its package was upgraded, and one that came with it
	local progs=$dir
	mv "$dir/old" "$dir/new"
	printf '#!/bin/sh\nexec "$(dirname "$0")/new" "$@"\n' >"$dir/act_guard"
	chmod +x "$dir/act_guard"
	act guard --what moves --rounds 2
	try_join 1
	cp "$dir/new" "$dir/newer"
	mv "$dir/newer" "$dir/new"
	try_join 2
	same "of before" "${A[join_1]} ${A[join_2]}" "EPERM EPERM"
	undo
	act_ends guard --what join
	same "of the upgrade" "${A[join_mdev]}" EPERM
	ln "$dir/new" "$dir/copy"
	printf '#!/bin/sh\nexec "$(dirname "$0")/copy" "$@"\n' >"$dir/act_guard"
	act_ends guard --what join
	same "by another name" "${A[join_mdev]}" done
	enter /
	unguard
	jq -en 'inputs | select(.type == "summary") | .unknown_caller == 0 and .killed == 0' "$GUARD"
	same "not prevented" "$(counted mdev-vaddr not_prevented)" 0
	[ "$(counted mdev-vaddr outside)" -gt 0 ]
	nothing_lost
}

@test "an exemption lets through whom it is for, until its time is over, or it is taken back, and no longer when nobody is there to end it" {
	once_on 6.1-unfixed
	need_mdev
	rm -rf "$BATS_FILE_TMPDIR/tree/run"
	policy '[strict]' 'action = deny' '[mdev-vaddr]' 'action = deny' 'sticky = no' '[max-window]' 'action = deny' 'limit = 1s'
	guard
	enter /scopes/elsewhere
	act guard --timeout 300 --what moves --rounds 7
	try_join 1
	exempt strict 20s --pid "${A[tgid]}" --cgroup elsewhere
	try_join 2
	local tgid=${A[tgid]}
	("$progs/act_guard" --timeout 60 --what join) >"$BATS_TEST_TMPDIR/other.out"
	grep -q '^join_mdev=EPERM' "$BATS_TEST_TMPDIR/other.out"
	wait_lines 1 'Exemption is over: strict for elsewhere, PID '"$tgid"'.*ticket 17; 1 call was let through' "$GUARD.err"
	try_join 3
	exempt strict 1h --cgroup '/scopes/else*'
	try_join 4
	rm "$EXEMPTION"
	wait_lines 2 'Exemption is over' "$GUARD.err"
	try_join 5
	# it is the kernel that looks at the time
	exempt strict 6s
	try_join 6
	kill -STOP "$(cat "$GUARD.pid")"
	sleep 8
	try_join 7
	kill -CONT "$(cat "$GUARD.pid")"
	wait_lines 3 'Exemption is over' "$GUARD.err"
	same "joins" "${A[join_1]} ${A[join_2]} ${A[join_3]} ${A[join_4]} ${A[join_5]} ${A[join_6]} ${A[join_7]}" "EPERM done EPERM done EPERM done EPERM"
	same "told" "$(decisions strict exempt attach) $(decisions strict denied attach)" "3 4"
	undo

	# what somebody else could have written is none
	exempt strict 1h
	chgrp nogroup "$EXEMPTION"
	chmod g+w "$EXEMPTION"
	wait_line 'no exemption by .*: others can write to it' "$GUARD.err"
	act_ends guard --what join
	same "by a file of others" "${A[join_mdev]}" EPERM
	rm "$EXEMPTION"

	# nobody is killed for what he was let through with
	exempt strict 1h --exe "$progs/act_guard"
	exempt mdev-vaddr 1h --exe "$progs/act_guard"
	act_ends guard --what calls --rounds 2
	same "invalidations" "${A[invalidate]} ${A[invalidate_all]}" "$(refuses && echo 'EBUSY EBUSY' || echo 'done done')"
	[ "$(decisions mdev-vaddr exempt invalidate)" -ge 2 ]
	same "denied" "$(decisions mdev-vaddr denied invalidate)" 0
	rm "$EXEMPTION"

	exempt max-window 20s
	act pci --what invalid --pci "$GROUP"
	wait_line '"rule":"max-window","action":"exempt"' "$GUARD"
	kill -0 "${A[invalidator_tgid]}"
	wait_line '"rule":"max-window","action":"denied"' "$GUARD"
	undo
	enter /
	unguard
	[ "$(counted strict exempt)" -gt 3 ]
	same "windows" "$(counted max-window exempt) $(counted max-window denied)" "1 1"
	jq -en 'inputs | select(.type == "summary") | .killed == 1' "$GUARD"
	nothing_lost
	valid --lines "$GUARD" "$top/dist/fdpin-trace-enforce.schema.json"
}

@test "a configuration that is wrong: 78, and nothing guards" {
	once_on 6.1
	policy '[mdev-vaddr]' 'action = deny' 'colour = red'
	run "$fdpin" enforce --root "$BATS_FILE_TMPDIR/tree" --duration 1s
	[ "$status" -eq 78 ]
	[[ $output == *fdpin-trace.conf:3:*colour* ]]
}
