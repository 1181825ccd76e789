#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Attempts to get past the guard. First each of them without one: it gets through where the kernel does not refuse by itself, so it is an attempt. Then
# beside a guard that denies, one for all of them. What became of the range is the act's own word, not the guard's: only one that is invalid can be
# restored. Before it says so the oracle has looked, which knows nothing of the act: what was refused has changed nothing in the container.

load helpers
load guard

teardown() { guard_teardown; }
teardown_file() {
	load guard
	guard_teardown_file
}

GROUP=/dev/vfio/$(sed -n 1p "$RUN/pci-groups")
OTHER=/dev/vfio/$(sed -n 2p "$RUN/pci-groups")

# Each call and what became of its range, in one line: came_to WORD…
came_to() {
	local what
	for what; do printf '%s=%s/%s ' "$what" "${A[$what]-}" "${A[${what}_state]-}"; done
}
# all_came_to RESULT WORD…: the same, if all of them came to that
all_came_to() {
	local what result=$1
	shift
	for what; do printf '%s=%s ' "$what" "$result"; done
}
attempt() { asks attempts --what "$@"; }
# Of the refusals of the act: as the argument could not be read.
denied_unread() {
	jq -cn --argjson t "${A[tgid]}" '[inputs | select(.type == "decision" and .tgid == $t and .action == "denied" and .result == -14)] | length' "$GUARD"
}
outside() { asks outside --what "$@"; }
past_goes_on() {
	kill -USR1 "${A[tgid]}"
	wait_line '^over=' "$BATS_TEST_TMPDIR/act.out"
	load_act
}

# What the driver refuses by itself, whatever is in the container.
NONSENSE=(dirty dirty_all unknown_flag last_flag every_flag argsz_0 argsz_23 size_0 size_most wrap wrap_range all_of_some unaligned)
SENSE=(plain argsz_most size_half size_pages last_bytes)
UNREADABLE=(cut no_access)
NAMES=(canonical node symlink bound devtmpfs chroot)
HANDS=(forked cgroup user userns sent taken self)
FILES=(private shared lost)

# In the kernel, or a module of it: else the tests that want it fail.
load_fuse() { [ -e /dev/fuse ] || modprobe fuse; }

# Without a guard: else that it does not see it would say nothing.
@test "the oracle sees a range that is invalid, and an mdev, and both together, now and when it is asked" {
	need_mdev
	act pci --what invalid --pci "$GROUP"
	oracle_says "$WINDOW"
	undo
	oracle_begins --watch
	asks refused
	oracle_saw "$(refuses && echo "$STILL" || echo "$BOTH")" invalidate_with_mdev
	oracle_ends
	# where the kernel does not refuse by itself other files may have left some behind in this boot, which come to their end some time
	if refuses; then same "looks at both" "${LOOKS[both]}" 0; else [ "${LOOKS[both]}" -ge 1 ]; fi
	if ! refuses; then
		act guard --what open
		oracle_says "$BOTH"
		past_goes_on
		oracle_says "$STILL"
		undo
	fi
}

@test "without a guard: odd arguments, other names, other hands" {
	need_mdev
	need_blocking
	oracle_begins
	attempt arguments
	same "of sense" "$(came_to "${SENSE[@]}")" "$(all_came_to done/invalid "${SENSE[@]}")"
	same "of none" "$(came_to "${NONSENSE[@]}")" "$(all_came_to EINVAL/kept "${NONSENSE[@]}")"
	# it is told that it did not work, though it did
	same "not to be answered" "$(came_to read_only paged_out)" "$(all_came_to EFAULT/invalid read_only paged_out)"
	same "not to be read" "$(came_to "${UNREADABLE[@]}")" "$(all_came_to EFAULT/kept "${UNREADABLE[@]}")"
	same "a hole" "$(came_to punched)" "punched=EINVAL/kept "
	same "changed while its beginning is waited for" "${A[late_asked]} $(came_to late)" "yes late=done/invalid "
	oracle_saw "$BOTH" "${SENSE[@]}" read_only paged_out late
	oracle_saw "$STILL" "${NONSENSE[@]}" "${UNREADABLE[@]}" punched
	attempt names
	same "names" "$(came_to "${NAMES[@]}")" "$(all_came_to done/invalid "${NAMES[@]}")"
	oracle_saw "$BOTH" "${NAMES[@]}"
	attempt hands
	same "hands" "$(came_to "${HANDS[@]}")" "$(all_came_to done/invalid "${HANDS[@]}")"
	oracle_saw "$BOTH" "${HANDS[@]}"
	same "another container" "$(came_to reopened)" "reopened=EINVAL/kept "
}

@test "without a guard: orders, calls that sleep, calls that are stretched, answers that cannot be written" {
	need_mdev
	need_blocking
	oracle_begins
	attempt orders --pci "$GROUP" --other "$OTHER"
	same "an mdev is there" "$(came_to driver_last driver_twice mdev_last mdev_open mdev_stays mdev_closed mdev_back)" \
		"$(all_came_to done/invalid driver_last driver_twice mdev_last mdev_open mdev_stays mdev_closed mdev_back)"
	same "while it is invalid" "${A[mdev_comes]} ${A[other_comes]} ${A[meanwhile_state]}" "done done invalid"
	oracle_saw "$BOTH" driver_last driver_twice mdev_last mdev_open mdev_stays mdev_closed mdev_back mdev_comes
	oracle_saw "$WINDOW" other_comes meanwhile
	attempt stalled --pci "$GROUP"
	same "joins" "${A[join_before]} ${A[join_stalled]} ${A[join_ended]} ${A[ended_by]}" "done done done 9"
	oracle_saw "$STILL" join_before join_stalled join_ended
	attempt full --pci "$GROUP" --rounds 8
	same "joins" "${A[join_before]} ${A[join_full]} ${A[join_ended]} $(came_to invalidate_full)" "done done done invalidate_full=done/invalid "
	oracle_saw "$BOTH" invalidate_full
	act attempts --what stretched --pci "$GROUP" --rounds 100000
	oracle_says "$BOTH"
	past_goes_on
	same "stretched" "${A[past]} ${A[now_info]} ${A[past_state]} ${A[free_info]}" "yes done invalid done"
	undo
	attempt swapped --pci "$GROUP" --rounds 1000
	same "swapped" "${A[swapped]} ${A[meanwhile_state]}" "done invalid"
	oracle_saw "$BOTH" meanwhile
	undo
	act past --what read-only --rounds 1000000 --timeout 240
	same "read-only" "${A[past]} ${A[now_info]}" "yes done"
	oracle_says "$BOTH"
	past_goes_on
}

# The device answers to reads of eight bytes. By a kernel that copies otherwise what is in its registers is read as nothing.
@test "without a guard: an argument in a device's registers, or in a file of one's own; the hands of a supervisor, or of 32 bits" {
	need_mdev
	need_blocking
	local before
	before=$(complaints)
	load_fuse
	oracle_begins
	outside registers --pci "$GROUP"
	echo "# an argument in registers: ${A[registers_keep]}" >&3
	if [ "${A[registers_keep]}" = yes ]; then
		same "registers" "$(came_to registers registers_late)" "$(all_came_to done/invalid registers registers_late)"
		oracle_saw "$BOTH" registers registers_late
	else
		same "registers" "$(came_to registers registers_late)" "$(all_came_to EINVAL/kept registers registers_late)"
	fi
	same "no registers" "$(came_to registers_none registers_off)" "registers_none=EINVAL/kept registers_off=EFAULT/kept "
	oracle_saw "$STILL" registers_none registers_off
	outside file
	same "asked" "${A[private_asked]} ${A[shared_asked]} ${A[lost_asked]}" "yes yes yes"
	same "waits" "${A[private_waits_state]} ${A[shared_waits_state]} ${A[lost_waits_state]}" "kept kept kept"
	same "files" "$(came_to "${FILES[@]}")" "private=done/invalid shared=done/invalid lost=EFAULT/kept "
	oracle_saw "$BOTH" private shared
	oracle_saw "$STILL" private_waits shared_waits lost_waits lost
	outside added
	same "added" "$(came_to added)" "added=done/invalid "
	oracle_saw "$BOTH" added
	outside thirtytwo
	same "32 bits" "$(came_to thirtytwo)" "thirtytwo=done/invalid "
	oracle_saw "$BOTH" thirtytwo
	same "complaints" "$(complaints)" "$before"
}

# The one guard of all that follows. What opens a window is only told: who did is to be known.
@test "arguments: whatever else an invalidation says, and wherever it lies, it is refused, and told as it was" {
	need_mdev
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no' '[max-window]' 'action = monitor' 'limit = 2s'
	guard
	oracle_begins
	attempt arguments
	same "of sense" "$(came_to "${SENSE[@]}")" "$(all_came_to EBUSY/kept "${SENSE[@]}")"
	same "of none" "$(came_to "${NONSENSE[@]}")" "$(all_came_to EBUSY/kept "${NONSENSE[@]}")"
	same "not to be answered" "$(came_to read_only)" "read_only=EBUSY/kept "
	same "not to be read" "$(came_to "${UNREADABLE[@]}" punched paged_out)" "$(all_came_to EFAULT/kept "${UNREADABLE[@]}" punched paged_out)"
	same "changed while its beginning is waited for" "${A[late_asked]} $(came_to late)" "no late=EFAULT/kept "
	oracle_saw "$STILL" "${SENSE[@]}" "${NONSENSE[@]}" "${UNREADABLE[@]}" read_only punched paged_out late
	same "told" "$(decisions mdev-vaddr denied invalidate)" $((${#SENSE[@]} + ${#NONSENSE[@]} + 6))
	# as they are written: jq has no numbers of 64 bits
	same "numbers" "$(grep -F "\"tgid\":${A[tgid]}," "$GUARD" | sed -n 's/.*"iova":"\([^"]*\)","size":\([0-9]*\),.*"flags":"0x4".*/\1+\2/p' | sort -u | tr '\n' ' ')" \
		"0x0+18446744073709547520 0x0+18446744073709551615 0x0+9223372036854775808 0x100000000+0 0x100000000+18446744073709547520 0x100000000+2097152 0x100000001+4096 0xfffffffffffff000+8192 "
}

@test "names: by another node, link, mount or root it is the same file" {
	need_mdev
	oracle_begins
	attempt names
	same "names" "$(came_to "${NAMES[@]}")" "$(all_came_to EBUSY/kept "${NAMES[@]}")"
	oracle_saw "$STILL" "${NAMES[@]}"
}

@test "hands: another process, user, control group or user namespace, however it got the file" {
	need_mdev
	oracle_begins
	attempt hands
	same "hands" "$(came_to "${HANDS[@]}")" "$(all_came_to EBUSY/kept "${HANDS[@]}")"
	oracle_saw "$STILL" "${HANDS[@]}" reopened
	same "another container" "$(came_to reopened)" "reopened=EINVAL/kept "
	local way
	for way in forked cgroup user userns sent taken; do
		A[tgid]=${A[${way}_tgid]}
		same "told of $way" "$(decisions mdev-vaddr denied invalidate)" 1
	done
}

@test "registers: an argument that a device answers with is read as any other" {
	need_mdev
	local before
	before=$(complaints)
	oracle_begins
	outside registers --pci "$GROUP"
	if [ "${A[registers_keep]}" = yes ]; then
		same "registers" "$(came_to registers registers_none)" "$(all_came_to EBUSY/kept registers registers_none)"
		same "told" "$(decisions mdev-vaddr denied invalidate)" 4
	else
		same "registers" "$(came_to registers registers_none)" "$(all_came_to EINVAL/kept registers registers_none)"
		same "told" "$(decisions mdev-vaddr denied invalidate)" 2
	fi
	same "not to be read" "$(came_to registers_late registers_off)" "$(all_came_to EFAULT/kept registers_late registers_off)"
	same "told" "$(denied_unread)" 2
	oracle_saw "$STILL" registers registers_late registers_none registers_off
	same "complaints" "$(complaints)" "$before"
}

@test "files: nobody waits for an argument in a file system of one's own, which is not even asked for it" {
	need_mdev
	load_fuse
	oracle_begins
	outside file
	same "asked" "${A[private_asked]} ${A[shared_asked]} ${A[lost_asked]}" "no no no"
	same "files" "$(came_to "${FILES[@]}")" "$(all_came_to EFAULT/kept "${FILES[@]}")"
	same "told" "$(decisions mdev-vaddr denied invalidate) $(denied_unread)" "3 3"
	oracle_saw "$STILL" "${FILES[@]}"
	guarded
}

@test "other hands: whose calls are supervised, and a program of 32 bits" {
	need_mdev
	oracle_begins
	outside added
	same "added" "$(came_to added)" "added=EBUSY/kept "
	oracle_saw "$STILL" added
	A[tgid]=${A[added_tgid]}
	same "told" "$(decisions mdev-vaddr denied invalidate)" 1
	outside thirtytwo
	same "32 bits" "$(came_to thirtytwo)" "thirtytwo=EBUSY/kept "
	oracle_saw "$STILL" thirtytwo
	A[tgid]=${A[thirtytwo_tgid]}
	same "told" "$(decisions mdev-vaddr denied invalidate)" 1
}

@test "orders: whoever comes first, an mdev and an invalid address exclude each other, and only as long as both are there" {
	need_mdev
	oracle_begins
	attempt orders --pci "$GROUP" --other "$OTHER"
	same "nothing comes before a group" "${A[driver_first]} ${A[driver_again]}" "EINVAL EINVAL"
	same "an mdev is there" "$(came_to driver_last driver_twice mdev_last mdev_open mdev_stays mdev_closed mdev_back)" \
		"$(all_came_to EBUSY/kept driver_last driver_twice mdev_last mdev_open mdev_stays mdev_closed mdev_back)"
	same "an open one stays" "${A[mdev_leaves_open]}" EBUSY
	same "none is there" "$(came_to no_mdev mdev_away mdev_group_closed)" "$(all_came_to done/invalid no_mdev mdev_away mdev_group_closed)"
	same "while it is invalid" "${A[mdev_comes]} ${A[other_comes]} ${A[meanwhile_state]}" "EBUSY EBUSY invalid"
	same "when it is not" "${A[mdev_comes_later]} ${A[other_comes_later]}" "done done"
	oracle_saw "$STILL" driver_last driver_twice mdev_last mdev_open mdev_stays mdev_closed mdev_back
	oracle_saw "$WINDOW" no_mdev mdev_away mdev_group_closed mdev_comes other_comes meanwhile
	same "told" "$(decisions mdev-vaddr denied invalidate) $(decisions mdev-vaddr denied attach)" "7 2"
}

@test "a call that sleeps keeps mdevs out, and no longer than it lives; so do more of them than can be noted" {
	need_mdev
	need_blocking
	oracle_begins
	attempt stalled --pci "$GROUP"
	same "joins" "${A[join_before]} ${A[join_stalled]} ${A[ended_by]} ${A[join_ended]}" "done EBUSY 9 done"
	same "range" "${A[range_state]}" kept
	oracle_saw "$STILL" join_before join_ended
	oracle_saw "$ALONE" join_stalled range
	same "told" "$(decisions mdev-vaddr denied attach)" 1
	attempt full --pci "$GROUP" --rounds 4200
	same "asleep" "${A[asleep]}" 4200
	same "joins" "${A[join_before]} ${A[join_full]} ${A[ended_by]} ${A[join_ended]}" "done EBUSY 9 done"
	same "beside an mdev" "$(came_to invalidate_full)" "invalidate_full=EBUSY/kept "
	same "without one" "${A[map_full]} $(came_to no_mdev_full)" "done no_mdev_full=done/invalid "
	oracle_saw "$STILL" join_full invalidate_full
	oracle_saw "${STILL/%1/2}" join_before join_ended
	oracle_saw "$WINDOW" no_mdev_full
}

@test "a call that was stretched over the joining of an mdev: killed, and the container is in quarantine" {
	need_mdev
	act attempts --what stretched --pci "$GROUP" --rounds 100000
	oracle_says "$(refuses && echo "$STILL" || echo "$BOTH")"
	past_goes_on
	if refuses; then
		same "stretched" "${A[past]} ${A[now_info]} ${A[past_state]} ${A[free_info]}" "yes done kept done"
	else
		same "stretched" "${A[past]} ${A[now_info]} ${A[past_state]} ${A[free_info]}" "killed EBUSY invalid done"
	fi
}

# Its number is read by the guard, and again by the driver. That it gets in is not prevented; what would block is an mdev that is open.
@test "an mdev that got in by a number that was changed is told, and not opened while the address is invalid" {
	need_mdev
	need_blocking
	oracle_begins
	attempt swapped --pci "$GROUP" --rounds 1000000
	same "opened" "${A[swapped]} ${A[meanwhile_state]} ${A[swapped_later]}" "EBUSY invalid done"
	# both together, with no device of it open
	oracle_saw "$BOTH" meanwhile
	grep -q '^meanwhile: .* groups=2 open=0$' "$ORACLE"
	same "told" "$(decisions mdev-vaddr not-prevented attach) $(decisions mdev-vaddr denied open)" "1 1"
}

@test "a call whose answer cannot be written: killed as any other, and who opened a window so is known" {
	act attempts --timeout 300 --what window --pci "$GROUP"
	same "answer" "${A[window]}" EFAULT
	oracle_says "$WINDOW"
	wait_line "\"tgid\":${A[tgid]},.*\"rule\":\"max-window\",\"action\":\"would-deny\"" "$GUARD"
	undo
	if [ "$FDPIN_MODULE" = none ] || refuses; then return; fi
	act past --what read-only --rounds 1000000 --timeout 240
	same "read-only" "${A[past]} ${A[now_info]} ${A[now_map]} ${A[now_device]}" "killed EBUSY EBUSY EBUSY"
	oracle_says "$BOTH"
	past_goes_on
	same "freed" "${A[free_call]} ${A[free_info]} ${A[free_pin]}" "done done done"
}

@test "a name that would write to a terminal is told as a name, in one line" {
	need_mdev
	act_ends guard --what calls --rounds 2 --comm $'\e]52;x\a\n"\x9b\u202e\xff'
	same "told" "$(decisions mdev-vaddr denied invalidate)" 8
	same "bytes of a terminal" "$(LC_ALL=C grep -acP '[\x00-\x08\x0b-\x1f\x7f-\xff]' "$GUARD" || true)" 0
	jq -en --argjson t "${A[tgid]}" '[inputs | select(.type == "decision" and .tgid == $t) | .comm] | unique == ["\\x1b]52;x\\x07\\x0a\"\\x9b\\xe2\\x80\\xae\\xff"]' "$GUARD"
}

# What other files have left behind in this boot, deadlocks that nothing ends, was found when the guard came.
@test "all of it was counted" {
	local before
	unguard
	before=$(jq -r 'select(.type == "summary") | .swept' "$GUARD")
	if refuses; then
		same "got past" "$(counted mdev-vaddr not_prevented)" 0
	else
		same "got past" "$(($(counted mdev-vaddr not_prevented) - before))" 3
		jq -en --argjson before "$before" 'inputs | select(.type == "summary") | .killed == 2 and .quarantines - $before == 2 and .quarantines_over == 2 and .no_room > 0' "$GUARD"
	fi
	jq -en 'inputs | select(.type == "summary") | .lost == 0 and .missed == 0' "$GUARD"
	{ head -n 60 "$GUARD" && tail -n 3 "$GUARD"; } | valid --lines - "$top/dist/fdpin-trace-enforce.schema.json"
}
