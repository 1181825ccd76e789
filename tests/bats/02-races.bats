#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Races with the guard, and what it has no room or no time for: many tries of each, so there is no trace beside them. Who wins a race decides no test, nor
# how long something takes: what is tested holds whoever wins, and times are printed.

load helpers
load guard

# A guard that was stopped could not end.
teardown() {
	! guarded || kill -CONT "$(cat "$GUARD.pid")"
	guard_teardown
}
teardown_file() {
	load guard
	guard_teardown_file
	refuse_ends
}

GROUP=/dev/vfio/$(sed -n 1p "$RUN/pci-groups")
OTHER=/dev/vfio/$(sed -n 2p "$RUN/pci-groups")

# An act that takes as long as it takes, up to so many seconds.
races() { # SECONDS OPTION…
	"$progs/act_races" --timeout "$1" "${@:2}" </dev/null >"$BATS_TEST_TMPDIR/act.out" 2>&1
	load_act
	same error "${A[error]-}" ""
}
goes_on() {
	kill -USR1 "${A[tgid]}"
	wait_line '^over=' "$BATS_TEST_TMPDIR/act.out"
	load_act
}
stop_guard() { kill -STOP "$(cat "$GUARD.pid")"; }
go_on_guard() { kill -CONT "$(cat "$GUARD.pid")"; }

# It says that this table of its is full, and what to do.
told_full() {
	wait_line "\"type\":\"full\",\"table\":\"$1\",\"state\":\"full\"" "$GUARD"
	jq -en --arg t "$1" 'first(inputs | select(.type == "full" and .table == $t)) | .refused + .unnoted > 0 and (.means | length > 0) and (.advice | length > 0)' "$GUARD"
	grep '"type":"full"' "$GUARD" | valid --lines - "$top/dist/fdpin-trace-enforce.schema.json"
}

# What others could do meanwhile, in one line.
held() {
	local what
	for what; do printf '%s=%s ' "$what" "${A[held_$what]-}"; done
}

# Another LSM program, that is asked after the guard; which is why it has to be there before it. It stays over tests.
REFUSE=$BATS_FILE_TMPDIR/refuse
refuse_begins() {
	[ ! -e "$REFUSE.pid" ] || return 0
	: >"$REFUSE"
	(
		close_files
		exec "$progs/refuse"
	) </dev/null >"$REFUSE" 2>&1 &
	echo $! >"$REFUSE.pid"
	wait_line '^(ready|refuse:)' "$REFUSE"
	same "the other LSM" "$(cat "$REFUSE")" ready
}
refuse_ends() {
	[ -e "$REFUSE.pid" ] || return 0
	kill -TERM "$(cat "$REFUSE.pid")"
	rm "$REFUSE.pid"
	wait_line '^refused=' "$REFUSE"
}

# One guard for all that follows, up to the test that ends it.
@test "invalidations against joins, by two to eight threads: never both, one of them before long, and nothing is left of it" {
	need_mdev
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	guard
	races $((${FDPIN_LONG:-0} ? 6000 : 200)) --what sides --pci "$GROUP" --rounds $((${FDPIN_LONG:-0} ? 100000 : 300))
	local how
	for how in rounds free; do
		echo "# $how: of ${A[${how}_tries]} tries ${A[${how}_invalidated]} invalidated, ${A[${how}_joined]} joined, ${A[${how}_refused]} refused; nobody for ${A[${how}_stuck_ms]} ms at most" >&3
		same "both, other errors, not opened ($how)" "${A[${how}_both]} ${A[${how}_other]} ${A[${how}_unopened]}" "0 0 0"
		[ $((A[${how}_invalidated] + A[${how}_joined])) -gt 0 ]
		[ "${A[${how}_stuck_ms]}" -lt 10000 ]
	done
	same "afterwards" "${A[after_invalidate]} ${A[after_join]} ${A[after_unopened]}" "done done 0"
}

# A line for each that got past: what was told of it, and how many microseconds after its call began it was told, in quarantine, and gone.
exposures() {
	grep '^win=' "$BATS_TEST_TMPDIR/act.out" | sed 's/^win=//' >"$BATS_TEST_TMPDIR/wins"
	jq -rn --rawfile wins "$BATS_TEST_TMPDIR/wins" '
		def us($from): map((.ts_ns - $from) / 1000 | floor) | if length == 1 then .[0] else "none" end;
		[inputs | select(.type == "decision" and (.action == "not-prevented" or .action == "quarantine-begins"))] as $told
		| $wins | split("\n")[] | select(. != "") | split(" ") | map(tonumber) | . as [$tgid, $began, $gone]
		| [$told[] | select(.tgid == $tgid)] as $its
		| "\($its | map(.action) | join(",")) \([$its[] | select(.action == "not-prevented")] | us($began)) \([$its[] | select(.action == "quarantine-begins")] | us($began)) \(($gone - $began) / 1000 | floor)"' "$GUARD"
}
spread() { # COLUMN
	sort -n -k "$1,$1" "$BATS_TEST_TMPDIR/exposures" | awk -v c="$1" '{ v[NR] = $c } END { printf "p50 %d us, p99 %d us", v[int((NR + 1) / 2)], v[int((NR * 99 + 99) / 100)] }'
}

@test "who changes his argument under his calls, without anything else: on a fixed kernel never past; else each is told, killed, and in quarantine" {
	need_mdev
	local told of=$((${FDPIN_LONG:-0} ? 100 : 10))
	if refuses; then
		races $((${FDPIN_LONG:-0} ? 6000 : 200)) --what flippers --pins 1 --rounds $((${FDPIN_LONG:-0} ? 1000000 : 3000))
		same "past" "${A[flippers_past]} ${A[flippers_not]} ${A[range_state]}" "0 1 kept"
		return
	fi
	races 1200 --what flippers --pins "$of" --rounds 20000
	same "killed" "${A[flippers_killed]} ${A[range_state]}" "${A[flippers_past]} kept"
	same "all" "$((A[flippers_past] + A[flippers_not]))" "$of"
	echo "# of $of ${A[flippers_past]} got past" >&3
	[ "${A[flippers_past]}" -gt 0 ] || return 0
	wait_lines "${A[flippers_past]}" '"action":"quarantine-ends"' "$GUARD"
	exposures >"$BATS_TEST_TMPDIR/exposures"
	told=$(cut -d' ' -f1 "$BATS_TEST_TMPDIR/exposures" | sort | uniq -c | awk '{ print $1, $2 }')
	same "told" "$told" "${A[flippers_past]} not-prevented,quarantine-begins"
	echo "# from the beginning of the call until it is told: $(spread 2); in quarantine: $(spread 3); the process is gone: $(spread 4)" >&3
	# what is aimed at is 10 ms
	same "as long as seconds" "$(awk '$3 > 10000000' "$BATS_TEST_TMPDIR/exposures")" ""
}

# What is refused is told only as far as there is room. What got past is told.
@test "while nobody reads its records: noise and refusals by the thousands change no decision, and drown nothing that was not prevented" {
	need_mdev
	local said past
	said=$(grep -c '"type":"lost"' "$GUARD" || true)
	stop_guard
	races 600 --what noise --rounds $((${FDPIN_LONG:-0} ? 3000000 : 10000))
	same "noise" "${A[noise_odd]}" 0
	act_ends guard --what storm --rounds 2000
	same "storm" "${A[attack_refused]} ${A[attack_allowed]}" "2000 0"
	answers EBUSY
	act past --rounds $(refuses && echo 500 || echo 1000000) --timeout 240
	past=${A[past_tgid]}
	same "past" "${A[past]} ${A[now_info]}" "$(refuses && echo 'no done' || echo 'killed EBUSY')"
	go_on_guard
	wait_lines $((said + 1)) '"type":"lost"' "$GUARD"
	if ! refuses; then
		wait_line "\"tgid\":$past,.*\"action\":\"quarantine-begins\"" "$GUARD"
		same "told" "$(jq -rn --argjson t "$past" '[inputs | select(.type == "decision" and .tgid == $t and .action != "denied") | .action] | join(" ")' "$GUARD")" "not-prevented quarantine-begins"
	fi
	kill -USR1 "${A[tgid]}"
	wait_line '^over=' "$BATS_TEST_TMPDIR/act.out"
	undo
	answers EBUSY
	same "told" "$(decisions mdev-vaddr denied invalidate)" 1
}

# It looks for a place before the call, for half of them: so nobody is without one who has asked.
@test "as many openings of an mdev under way as it has places for: no more of them, and all else goes on; and again when they are over" {
	need_mdev
	need_blocking
	act_ends races --timeout 300 --what opening --pci "$GROUP" --rounds 2048
	same "asleep" "${A[asleep]} ${A[ended_by]}" "2048 9"
	same "openings" "${A[open_before]} ${A[held_open]} ${A[open_ended]}" "done EBUSY done"
	same "meanwhile" "$(held open_pci join invalidate invalidate_beside map)" "open_pci=done join=done invalidate=done invalidate_beside=EBUSY map=done "
	same "told" "$(decisions mdev-vaddr denied open)" 1
	told_full openings
	same "full" "$(jq -c 'select(.type == "full" and .table == "openings") | [.state, .places, .refused, .unnoted]' "$GUARD" | head -n 1)" '\["full",2048,1,0\]'
	wait_line 'no room for more openings of a mediated device \(2048\): 1 call refused; until' "$GUARD.err"
}

@test "an unmap that it had no room to note, when there is room again: what comes of it is told, killed, and in quarantine" {
	need_mdev
	need_blocking
	act_ends races --timeout 300 --what room --pci "$GROUP" --other "$OTHER" --rounds 4200
	echo "# asleep ${A[room_asleep]}, joined ${A[room_join]}, opened ${A[room_open]-}: ${A[room]}" >&3
	same "while there is none" "${A[room_join_full]}" EBUSY
	if [ "${A[room_join]}" = done ]; then
		same "past" "${A[room]} ${A[now_info]} ${A[room_state]} ${A[free_info]}" "killed EBUSY invalid done"
		A[tgid]=${A[past_tgid]}
		same "told" "$(decisions mdev-vaddr not-prevented invalidate)" 1
	else
		same "past" "${A[room]} ${A[now_info]} ${A[room_state]} ${A[free_info]}" "no done kept done"
	fi
	told_full reservations
	wait_line '"table":"openings","state":"over"' "$GUARD"
	wait_line '"table":"reservations","state":"over"' "$GUARD"
	# as many as there was no room for, and one more at least, which is the one that is to get past
	jq -en 'inputs | select(.type == "full" and .table == "reservations" and .state == "over") | .places == 4096 and .refused > 0 and .unnoted >= 4200 - 4096 + 1'  "$GUARD"
	same "each once" "$(jq -rn '[inputs | select(.type == "full")] | group_by(.table) | map(map(.state) | join(",")) | join(" ")' "$GUARD")" "full,over full,over"
}

# Whoever reserves takes back, so nothing was to be reclaimed.
@test "all of it was counted, and told or said to be lost" {
	need_mdev
	unguard
	all_told_or_lost
	jq -en 'inputs | select(.type == "summary") | .reclaimed == 0 and .swept == 0 and .unwatched == 0' "$GUARD"
	# what is said of the times when a table was full is all that the summary has
	jq -en '[inputs | select(.type == "summary" or .state == "over")] | (map(select(.type == "full")) | [(map(.refused) | add), (map(.unnoted) | add)]) == (.[-1] | [.no_room // 0, .unnoted // 0] | map(if . == 0 then null else . end))' "$GUARD"
	# kernels that preempt a thread in a program, too, leave it out for another one on that processor, and say so; these all refuse by themselves
	refuses || jq -en 'inputs | select(.type == "summary") | .missed == 0' "$GUARD"
	same "got past" "$(counted mdev-vaddr not_prevented)" "$(jq -r 'select(.type == "summary") | .killed' "$GUARD")"
	echo "# $(jq -r 'select(.type == "summary") | "\(.rules[0].denied) denied, \(.overlaps) overlaps, \(.rules[0].not_prevented) not prevented, \(.no_room) for want of room, \(.lost) records lost, \(.missed) not seen"' "$GUARD")" >&3
}

# What it let through is under way until it comes back, and this never gets there. While the guard is stopped nobody takes it back.
@test "calls that another LSM refuses after it let them through keep the other side away, and not for long" {
	need_mdev
	need_blocking
	refuse_begins
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	guard
	stop_guard
	act races --what refused --rounds 1 --pci "$GROUP" --other "$OTHER"
	same "refused" "${A[refused_join]} ${A[refused_open]} ${A[refused_others]}" "EPERM EPERM 0"
	same "meanwhile" "$(held join invalidate open join_of_mdev invalidate_alike invalidate_beside map)" \
		"join=EBUSY invalidate=EBUSY open=done join_of_mdev=done invalidate_alike=done invalidate_beside=EBUSY map=done "
	go_on_guard
	goes_on
	echo "# an mdev joins after ${A[join_ms]} ms, an address is made invalid after ${A[invalidate_ms]} ms" >&3
	same "afterwards" "${A[join]} ${A[invalidate]} ${A[open]} ${A[range_state]}" "done done done kept"
	undo

	# one that has got to the driver, and is killed there, needs nobody
	stop_guard
	act_ends attempts --what stalled --pci "$GROUP"
	same "killed in the driver" "${A[join_before]} ${A[join_stalled]} ${A[ended_by]} ${A[join_ended]}" "done EBUSY 9 done"
	go_on_guard

	# and one whose return nobody sees, as somebody else attaches to that function, and goes, while it is in there
	act attempts --what left --pci "$GROUP"
	"$fdpin" trace -q -d 1s >/dev/null
	goes_on
	same "killed in the driver, unseen" "${A[join_before]} ${A[join_stalled]} ${A[join_ended]}" "done EBUSY done"
	undo
	unguard
	jq -en 'inputs | select(.type == "summary") | .reclaimed == 3 and .overlaps > 2 and .no_room == 0 and .killed == 0' "$GUARD"
	all_told_or_lost
	valid --lines "$GUARD" "$top/dist/fdpin-trace-enforce.schema.json"
}

# Anybody can open one, and none of them can have a driver.
@test "containers without a group, as many as they like: an mdev joins another one all the same" {
	need_mdev
	need_blocking
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	guard
	act_ends attempts --timeout 300 --what driverless --rounds 16400 --pci "$GROUP"
	same "joins" "${A[join_before]} ${A[join_beside]}" "done done"
	unguard
	jq -en 'inputs | select(.type == "summary") | (.no_room // 0) == 0 and .reclaimed == 0' "$GUARD"
}

# The guard takes thousands back one by one, which takes a while under emulation.
@test "so do more of them than it can note, and then no mdev joins anywhere; what is noted holds for who cannot be noted, too" {
	need_mdev
	need_blocking
	refuse_begins
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	guard
	stop_guard
	act races --timeout 600 --what refused --rounds 4200 --pci "$GROUP" --other "$OTHER"
	same "refused" "${A[refused_join]} ${A[refused_open]} ${A[refused_others]}" "EPERM EPERM 0"
	same "meanwhile" "$(held join invalidate open join_of_mdev invalidate_alike invalidate_beside map)" \
		"join=EBUSY invalidate=EBUSY open=done join_of_mdev=EBUSY invalidate_alike=done invalidate_beside=EBUSY map=done "
	if [ "${FDPIN_LONG:-0}" = 0 ]; then
		undo
		guard_dies
		return
	fi
	go_on_guard
	kill -USR1 "${A[tgid]}"
	wait_line '^over=' "$BATS_TEST_TMPDIR/act.out" 6000
	load_act
	echo "# an mdev joins after ${A[join_ms]} ms, an address is made invalid after ${A[invalidate_ms]} ms" >&3
	same "afterwards" "${A[join]} ${A[invalidate]} ${A[open]} ${A[range_state]}" "done done done kept"
	undo
	unguard
	told_full reservations
	# as many as there are places
	jq -en 'inputs | select(.type == "summary") | .reclaimed > 4000 and .reclaimed <= 4096 and .no_room > 0' "$GUARD"
	all_told_or_lost
}
