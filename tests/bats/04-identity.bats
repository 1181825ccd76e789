#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# More attempts to get past the guard: an open that waits while its group goes elsewhere, processes that look like each other, a guard that is stopped or dead
# at that moment, calls that interrupt each other, a clock and a processor that come and go. First without a guard, then beside one that denies. What became
# of a range is the act's own word: only one that is invalid can be restored. Before the files that leave windows which nobody can close (20-, 21-).

load helpers
load guard

teardown() {
	[ -z "${CLOCK-}" ] || clock_rests
	! guarded || kill -CONT "$(cat "$GUARD.pid")"
	guard_teardown
}
teardown_file() {
	load guard
	guard_teardown_file
	rm -rf /sys/fs/bpf/fdpin-trace
}

GROUP=/dev/vfio/$(sed -n 1p "$RUN/pci-groups")
OTHER=/dev/vfio/$(sed -n 2p "$RUN/pci-groups")
LONG=${FDPIN_LONG:-0}
# As another one's name, and one that would write to a terminal.
NAME=$'act\e]2;x\n'
NAME_TOLD='act\x1b]2;x\x0a'

said() { # WORD…
	local what
	for what; do printf '%s=%s ' "$what" "${A[$what]-}"; done
}
goes_on() { # KEY: lets the actor go on until it has said that
	kill -USR1 "${A[tgid]}"
	wait_line "^$1=" "$BATS_TEST_TMPDIR/act.out"
	load_act
}
past_goes_on() { goes_on over; }

# The records of mdev-vaddr about what got past, or was put into quarantine: [who, by what name, what came of it] each.
told_past() {
	grep -E '"action":"(not-prevented|quarantine-begins)"' "$GUARD" | jq -cn '[inputs | select(.rule == "mdev-vaddr") | [.tgid, .comm, .action]]'
}

PENDING=(leave invalidate join swapped still_pending open open_state join_later later)
IDENTITY=(past now_info first first_info same same_info free_info)

@test "without a guard: an open that waits, offenders that look like others, calls that interrupt each other" {
	need_mdev
	need_blocking
	act_ends pending --pci "$GROUP" --rounds 0
	same "pending" "$(said "${PENDING[@]}")" "leave=done invalidate=done join=done swapped= still_pending=yes open=done open_state=invalid join_later= later=done "
	act_ends identity --what past-same --comm "$NAME" --rounds 1000000 --timeout 240
	same "identity" "$(said "${IDENTITY[@]}")" "past=yes now_info=done first=lives first_info=done same=lives same_info=done free_info=done "
	act_ends processor --what asleep --pci "$GROUP"
	same "asleep" "$(said asleep beside beside_state join still_asleep woken join_later)" \
		"asleep=yes beside=done beside_state=invalid join=done still_asleep=yes woken=done join_later=done "
	act_ends processor --what pair --rounds 50
	same "pair" "$(said pair_refused pair_allowed pair_other pair_states)" "pair_refused=0 pair_allowed=100 pair_other=0 pair_states=kept kept "
}

# It is asked about again when the device gets its file: for whom the rules are has to be known then, too.
@test "an open that waits for its name while an exemption begins: whom the rule is not for is let through" {
	need_mdev
	need_blocking
	policy '[strict]' 'action = deny' 'uid = 64055'
	guard
	act pending --what paused --pci "$GROUP"
	exempt file-backed 1h --uid 64056
	goes_on over
	same "opened" "${A[open]}" done
	same "told" "$(decisions strict denied open)" 0
	undo
	rm "$EXEMPTION"
	unguard
}

# The one guard of what follows, until it is killed.
@test "an open that waits for its name while its group leaves: it does not come back into a container that is invalid" {
	need_mdev
	need_userfaultfd
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	guard --pin
	act_ends pending --pci "$GROUP" --rounds 0
	same "pending" "$(said "${PENDING[@]}")" \
		"leave=done invalidate=done join=EBUSY swapped= still_pending=yes open=EINVAL open_state=invalid join_later=done later=done "
	same "told" "$(decisions mdev-vaddr denied attach) $(decisions mdev-vaddr denied open)" "1 0"
}

@test "an open that waits for its name while its group gets in by a number that was changed: it is not opened there" {
	need_mdev
	need_blocking
	act_ends pending --pci "$GROUP" --rounds 1000000
	same "pending" "$(said "${PENDING[@]}")" \
		"leave=done invalidate=done join=EBUSY swapped=yes still_pending=yes open=EBUSY open_state=invalid join_later= later=done "
	# one who asked whether it is there, and the one that waited
	same "told" "$(decisions mdev-vaddr not-prevented attach) $(decisions mdev-vaddr denied open)" "1 2"
}

@test "the first of a pid namespace, or one whose number there is somebody else's, gets past: killed it is, and nobody else" {
	need_mdev
	need_blocking
	local what name told
	for what in past past-same; do
		name=$NAME told=$NAME_TOLD
		[ "$what" = past ] || name=fdpin-trace told=fdpin-trace
		act_ends identity --what "$what" --comm "$name" --rounds 1000000 --timeout 240
		same "$what" "$(said "${IDENTITY[@]}")" "past=killed now_info=EBUSY first=lives first_info=done same=lives same_info=done free_info=done "
		if [ "$what" = past ]; then
			same "numbers of $what" "${A[past_number]} ${A[first_number]}" "1 1"
		else
			same "numbers of $what" "${A[past_number]}" "${A[same_tgid]}"
			[ "${A[past_number]}" != "${A[past_tgid]}" ]
		fi
		same "told of $what" "$(told_past | jq --argjson t "${A[past_tgid]}" -c '[.[] | select(.[0] == $t)]')" \
			"$(jq -cn --argjson t "${A[past_tgid]}" --arg n "$told" '[[$t, $n, "not-prevented"], [$t, $n, "quarantine-begins"]]' | sed 's/[][\\]/\\&/g')"
		guarded
	done
}

@test "one call asleep on a processor, another one there; two that interrupt each other: refused, and none was left out" {
	need_mdev
	need_userfaultfd
	act_ends processor --what asleep --pci "$GROUP"
	same "asleep" "$(said asleep beside beside_state still_asleep woken join_later)" \
		"asleep=yes beside=EBUSY beside_state=kept still_asleep=yes woken=done join_later=done "
	same "join" "${A[join]}" "$(refuses && echo done || echo EBUSY)"
	act_ends processor --what pair --rounds $((LONG ? 2000 : 60))
	same "pair" "$(said pair_refused pair_allowed pair_other pair_states)" "pair_refused=${A[pair_calls]} pair_allowed=0 pair_other=0 pair_states=kept kept "
}

# Forward and back by a day, the second processor away and there again, until CLOCK is gone.
clock_turns() {
	local cpu=/sys/devices/system/cpu/cpu1/online
	echo 1 >"$cpu"
	CLOCK=$BATS_TEST_TMPDIR/clock
	OFFSET=$(($(date +%s) - $(cut -d. -f1 /proc/uptime)))
	touch "$CLOCK"
	echo 0 >"$CLOCK.turns"
	(
		close_files
		turns=0
		while [ -e "$CLOCK" ]; do
			date -s "@$((OFFSET + 86400 * (turns % 2 ? -1 : 1) + $(cut -d. -f1 /proc/uptime)))"
			echo $((turns % 2)) >"$cpu"
			turns=$((turns + 1))
			echo $turns >"$CLOCK.next"
			mv "$CLOCK.next" "$CLOCK.turns" # whole whenever somebody reads it
			sleep 0.2
		done
	) </dev/null >/dev/null 2>"$CLOCK.err" &
	CLOCK_PID=$!
}
clock_rests() {
	rm -f "$CLOCK"
	CLOCK=
	wait "$CLOCK_PID"
	echo 1 >/sys/devices/system/cpu/cpu1/online
	date -s "@$((OFFSET + $(cut -d. -f1 /proc/uptime)))" >/dev/null
}
uptime_ns() { awk '{ printf "%.0f\n", $1 * 1e9 }' /proc/uptime; }

@test "a clock that goes forward and back by a day, a processor that comes and goes: refused as ever, and told in the order it was" {
	need_mdev
	local before after from killed=0
	before=$(uptime_ns)
	from=$(wc -l <"$GUARD")
	clock_turns
	act_ends guard --what calls --rounds 2
	same "calls" "$(said invalidate invalidate_all invalidate_compat invalidate_nonresident storm_failed unmap)" \
		"invalidate=EBUSY invalidate_all=EBUSY invalidate_compat=EBUSY invalidate_nonresident=EFAULT storm_failed=0 unmap=done "
	same "told" "$(decisions mdev-vaddr denied invalidate)" 8
	act_ends guard --what race --pci "$GROUP" --rounds $((LONG ? 1000 : 60))
	same "race" "$(said race_both race_other)" "race_both=0 race_other=0 "
	"$progs/act_guard" --what flip --rounds $((LONG ? 3000 : 200)) --timeout 100 >"$BATS_TEST_TMPDIR/act.out" 2>&1 </dev/null || killed=1
	load_act
	same "got past" "$(decisions mdev-vaddr not-prevented invalidate)" "$killed"
	refuses && same "killed" "$killed" 0
	# both ways, and both again, however fast the calls above were
	while [ "$(cat "$CLOCK.turns")" -lt 4 ]; do
		kill -0 "$CLOCK_PID"
		act_ends guard --what race --pci "$GROUP" --rounds 20
		same "race" "$(said race_both race_other)" "race_both=0 race_other=0 "
	done
	same "errors of the one who turns them" "$(cat "$CLOCK.err")" ""
	clock_rests
	after=$(($(uptime_ns) + 10000000))
	tail -n +$((from + 1)) "$GUARD" | grep '"type":"decision"' >"$BATS_TEST_TMPDIR/told"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/told")" -gt 8 ]
	# none from another day; as they are in the file, for each thread; the same by the clock on the wall
	same "of another time" "$(jq -c --argjson b "$before" --argjson a "$after" 'select(.ts_ns < $b or .ts_ns > $a)' "$BATS_TEST_TMPDIR/told")" ""
	same "in order" "$(jq -cs '[group_by(.tid)[] | map(.ts_ns) | . == sort] | all' "$BATS_TEST_TMPDIR/told")" true
	same "in order by the clock" "$(jq -cs 'sort_by(.ts_ns) | map(.time) | . == sort' "$BATS_TEST_TMPDIR/told")" true
}

# Calls that restored a range, as the trace that runs all the time has them; of the act itself, and of who rescues, who has another name.
restored_by() { grep '"type":"revalidate"' "$LIVE" | grep -c "\"comm\":\"$1\"" || true; }

vfio_files() { find /proc/[0-9]*/fd -lname '/dev/vfio/*' 2>/dev/null | LC_ALL=C sort || true; }

@test "a process ends while the guard, and who would rescue, look at it: the group can be opened again, and no file is left" {
	local i by_act by_rescue stuck
	stuck=$(vfio_files) # of acts of other files, that nobody can free
	by_act=$(restored_by act_pci) by_rescue=$(restored_by fdpin-rescue)
	for ((i = 0; i < (LONG ? 20 : 1); i++)); do
		act pci --what invalid --pci "$GROUP"
		: >"$BATS_TEST_TMPDIR/rescue.out"
		(
			close_files
			while [ -e "/proc/${A[tgid]}" ]; do
				"$fdpin" rescue --perform --yes --likely || true
			done
		) </dev/null >"$BATS_TEST_TMPDIR/rescue.out" 2>&1 &
		wait_line . "$BATS_TEST_TMPDIR/rescue.out"
		undo
		wait_line '^result=undone' "$BATS_TEST_TMPDIR/act.out"
		wait $!
		! grep -iE 'unmap|re-validate' "$BATS_TEST_TMPDIR/rescue.out"
		# a group that somebody has open is not opened again
		: <>"$GROUP"
		same "files of groups and containers" "$(vfio_files)" "$stuck"
	done
	for ((i = 0; i < 300; i++)); do
		[ "$(restored_by act_pci)" = "$by_act" ] || break
		sleep 0.1
	done
	[ "$(restored_by act_pci)" -gt "$by_act" ]
	same "restored by who looked at it" "$(restored_by fdpin-rescue)" "$by_rescue"
}

@test "the guard is stopped when somebody gets past: killed, and in quarantine; told when it goes on" {
	need_mdev
	need_blocking
	kill -STOP "$(cat "$GUARD.pid")"
	act past --rounds 1000000 --timeout 240
	same "past" "$(said past now_info now_map now_device)" "past=killed now_info=EBUSY now_map=EBUSY now_device=EBUSY "
	same "told" "$(grep -c "\"tgid\":${A[past_tgid]}," "$GUARD" || true)" 0
	kill -CONT "$(cat "$GUARD.pid")"
	wait_line "\"tgid\":${A[past_tgid]},.*\"action\":\"quarantine-begins\"" "$GUARD"
	same "told" "$(told_past | jq -c --argjson t "${A[past_tgid]}" '[.[] | select(.[0] == $t) | .[2]]')" '\["not-prevented","quarantine-begins"\]'
	past_goes_on
	same "freed" "$(said free_call free_info free_pin)" "free_call=done free_info=done free_pin=done "
}

@test "the guard is dead when somebody gets past, with nothing but its pins: killed, and in quarantine; the next one finds the state, and who keeps it" {
	need_mdev
	need_blocking
	guard_dies
	act past --rounds 1000000 --timeout 240 --pins 1
	same "past" "$(said past now_info now_map now_device)" "past=killed now_info=EBUSY now_map=EBUSY now_device=EBUSY "
	goes_on again1
	same "a second time" "$(said again1_info again1_map again1_device)" "again1_info=EBUSY again1_map=EBUSY again1_device=EBUSY "
	look
	guard --pin
	# who did it is nobody that this one has seen; who is left with the container ends
	same "killed" "$(grep -c "mdev-vaddr: killed act_past .[0-9]*., which had $ID open" "$GUARD.err")" 1
	grep -q "killed act_past .${A[tgid]}., which" "$GUARD.err"
	wait_line "quarantine-ends" "$GUARD"
	same "told" "$(told_past)" "$(jq -cn '[[0, "", "not-prevented"], [0, "", "quarantine-begins"]]' | sed 's/[][\\]/\\&/g')"
	same "state" "$(awk '$1 == "State:" { print $2 }' "/proc/${A[tgid]}/status" 2>/dev/null || true)" '?(Z)'
}

@test "all of it was counted" {
	need_mdev
	local misses
	misses=$(awk 'FNR == 1 { id = "" } $1 == "prog_id:" { id = $2 } $1 == "recursion_misses:" { m[id] = $2 } END { for (i in m) n += m[i]; print length(m), n + 0 }' \
		/proc/"$(cat "$GUARD.pid")"/fdinfo/*)
	[ "${misses% *}" -gt 5 ]
	unguard
	same "left out" "$(jq -r 'select(.type == "summary") | .missed' "$GUARD")" "${misses#* }"
	all_told_or_lost
	jq -en 'inputs | select(.type == "summary") | .no_room == 0' "$GUARD"
	{ head -n 8 "$GUARD" && tail -n 3 "$GUARD"; } | valid --lines - "$top/dist/fdpin-trace-enforce.schema.json"
}

# Of max-window: [who, what came of it] each.
windows_told() { jq -cn '[inputs | select(.type == "decision" and .rule == "max-window") | [.tgid, .action]]' "$GUARD"; }

# A window of before the guard: nobody has seen who opened it, and that is not who comes later. It is stopped while the calls are made, so that none is told before.
@test "an invalidation whose argument is cut in two was not done, and opened no window; nor did one in a window of before; one whose answer cannot be written did" {
	policy '[mdev-vaddr]' 'action = off' '[max-window]' 'action = deny' 'limit = 6s'
	act identity --what blamed --pci "$GROUP" --other "$OTHER" --timeout 300
	guard
	kill -STOP "$(cat "$GUARD.pid")"
	goes_on called
	same "calls" "$(said cut later answered)" "cut=EFAULT later=done answered=EFAULT "
	same "told" "$(windows_told)" '\[\]'
	kill -CONT "$(cat "$GUARD.pid")"
	wait_lines 2 '"rule":"max-window"' "$GUARD"
	same "told" "$(windows_told | jq -c 'sort')" '\[\[0,"not-prevented"\],\['"${A[answered_tgid]}"',"denied"\]\]'
	grep -q 'who opened it was not seen' "$GUARD.err"
	past_goes_on
	same "who lives" "$(said cut_lives later_lives answered_lives)" "cut_lives=yes later_lives=yes answered_lives=no "
	# what was cut has done nothing
	same "ranges" "$(said cut_state answered_state)" "cut_state=kept answered_state=invalid "
}

# The guard is stopped until the number is somebody else's: so it is when it looks. That the same process, with that
# number, is killed for what it does itself is the control.
@test "who opened a window is gone, and his number is somebody else's, who has the same container: he lives; the record has who it was" {
	local of
	kill -STOP "$(cat "$GUARD.pid")"
	act identity --what reused --comm offender --pci "$GROUP" --other "$OTHER" --timeout 300
	same "the number" "${A[later_tgid]}" "${A[past_tgid]}"
	same "whose it is" "$(cat "/proc/${A[past_tgid]}/comm")" bystander
	of="\"tgid\":${A[past_tgid]},.*\"rule\":\"max-window\""
	same "told" "$(grep -c "$of" "$GUARD" || true)" 0
	kill -CONT "$(cat "$GUARD.pid")"
	wait_line "$of" "$GUARD"
	same "told" "$(grep "$of" "$GUARD" | jq -c '[.comm, .action]')" '\["offender","not-prevented"\]'
	wait_line 'nobody was killed.*: who opened it is no more' "$GUARD.err"
	goes_on later
	same "later" "$(said later later_info)" "later=lives later_info=done "
	past_goes_on
	same "for his own" "$(said later_again past_state)" "later_again=killed past_state=invalid "
	same "told" "$(grep "$of" "$GUARD" | jq -c '[.comm, .action]')" '\["offender","not-prevented"\]'$'\n''\["bystander","denied"\]'
	undo
}

@test "the first of a pid namespace, or one whose number there is somebody else's, keeps a window open: killed it is, and nobody else" {
	local what whats=(window)
	[ "$LONG" = 0 ] || whats+=(window-same)
	for what in "${whats[@]}"; do
		act identity --what "$what" --pci "$GROUP" --comm "$NAME" --timeout 300
		wait_line "\"tgid\":${A[past_tgid]},.*\"rule\":\"max-window\"" "$GUARD"
		goes_on past
		past_goes_on
		same "$what" "$(said past first first_info same same_info past_state)" "past=killed first=lives first_info=done same=lives same_info=done past_state=invalid "
		same "told of $what" "$(windows_told | jq -c '.[-1]')" '\['"${A[past_tgid]}"',"denied"\]'
		same "in the log" "$(grep -cF "killed $NAME_TOLD [${A[past_tgid]}]" "$GUARD.err")" 1
		undo
	done
	same "bytes of a terminal" "$(LC_ALL=C grep -acP '[\x00-\x08\x0b-\x1f\x7f-\xff]' "$GUARD" "$GUARD.err" | grep -v ':0$' || true)" ""
	unguard
	same "told" "$(windows_told | jq length)" $((4 + ${#whats[@]}))
	jq -en --argjson n "${#whats[@]}" 'inputs | select(.type == "summary") | .killed == 2 + $n and .lost == 0' "$GUARD"
}
