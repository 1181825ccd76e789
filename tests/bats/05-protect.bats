#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The rule protect: somebody with all rights gets at the guard's own maps, programs, links, process and pins, or does not. Each way is seen to get through while
# the rule is off. And without the rule: what somebody has changed in the guard's maps is found and put right.

load helpers
load guard

PINS=/sys/fs/bpf/fdpin-protect

lsm_has_bpf() { grep -qw bpf /sys/kernel/security/lsm; }
needs_lsm() { lsm_has_bpf || skip "the BPF LSM is not on here: see the last test"; }

teardown() {
	[ -n "${BATS_TEST_COMPLETED-}" ] || cat "$BATS_TEST_TMPDIR/reach" "$BATS_TEST_TMPDIR/out" >&2 2>/dev/null || true
	guard_teardown
}
teardown_file() {
	guard_teardown_file
	rm -rf "$PINS"
}

pid() { cat "$GUARD.pid"; }

# What comes of each way: WAY=ERRNO|done; the program that tries ends by itself.
reach() {
	local key value
	"$progs/act_protect" reach "$(pid)" >"$BATS_TEST_TMPDIR/reach" || { cat "$BATS_TEST_TMPDIR/reach"; return 1; }
	declare -gA R=()
	while IFS='=' read -r key value; do R[$key]=$value; done <"$BATS_TEST_TMPDIR/reach"
}
# reached WHAT: what comes of all that gets at it; and that reading of it and signals go on
reached() {
	reach
	same "by id" "${R[map]} ${R[program]} ${R[link]}" "$1 $1 $1"
	same "its process" "${R[seize]} ${R[attach]} ${R[readv]} ${R[writev]} ${R[getfd]}" "$2 $2 $2 $2 $2"
	same "its memory as a file" "${R[mem]}" "${2/EPERM/@(EPERM|EACCES)}" # the kernel makes EACCES of it, or leaves it
	same "looked at, signalled" "${R[maps]} ${R[signal]}" "done done"
}

told() { jq -cn --arg a "$1" --arg o "$2" '[inputs | select(.type == "decision" and .rule == "protect" and .action == $a and .op == $o)] | length' "$GUARD"; }

# The ids of what it has, as its descriptors say: map_id, prog_id, link_id
ids() { sed -n "s/^$1:[[:blank:]]*//p" /proc/"$(pid)"/fdinfo/* | sort -un; }

# Not all kinds can be dumped: one that can.
dump_some_map() {
	local id
	for id in $(ids map_id); do
		[ "$(bpftool -j map show id "$id" | jq -r .type)" != hash ] || break
	done
	bpftool map dump id "$id" >/dev/null
}

# A program that fails, saying so.
fails() { # PATTERN COMMAND…
	local pattern=$1
	shift
	if LC_ALL=C "$@" >"$BATS_TEST_TMPDIR/out" 2>&1; then
		echo "it succeeded: $*" >&2
		return 1
	fi
	grep -E "$pattern" "$BATS_TEST_TMPDIR/out"
}

@test "off: everything can be had, by whoever has all rights" {
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	guard --pin="$PINS"
	reached "done" "done"
	dump_some_map
	rm -r "$PINS"/guard-*
	wait_line '"type":"pins".*"state":"there"' "$GUARD"
	same "told" "$(jq -cn '[inputs | select(.rule == "protect")] | length' "$GUARD")" 0
}

@test "off, it cannot be switched on by a guard that has given its rights up: what held goes on" {
	"$fdpin" --version | grep -q '^libsystemd ' || skip "built without libsystemd"
	unguard
	(
		close_files
		exec "$BATS_TEST_DIRNAME/notify.py" "$BATS_FILE_TMPDIR/service.log" "$fdpin" enforce --service --root "$BATS_FILE_TMPDIR/tree"
	) </dev/null >"$BATS_FILE_TMPDIR/service.err" 2>&1 &
	echo $! >"$BATS_FILE_TMPDIR/notify.pid"
	touch "$BATS_FILE_TMPDIR/service.log"
	wait_line '^message .*READY=1' "$BATS_FILE_TMPDIR/service.log" 900
	policy '[mdev-vaddr]' 'action = off' '[protect]' 'action = deny'
	kill -HUP "$(sed -n 's/^started //p' "$BATS_FILE_TMPDIR/service.log" | tail -n 1)"
	wait_lines 2 '^message .*READY=1' "$BATS_FILE_TMPDIR/service.log"
	grep -F '[protect] was off when this guard started' "$BATS_FILE_TMPDIR/service.err"
	grep '^message .*STATUS=' "$BATS_FILE_TMPDIR/service.log" | tail -n 1 | grep -F 'STATUS=1 rule denying, 0 monitoring'
	kill -TERM "$(cat "$BATS_FILE_TMPDIR/notify.pid")"
	wait_line '^ended 0' "$BATS_FILE_TMPDIR/service.log"
}

@test "off, somebody changes its policy in its map: found, told, and put right" {
	need_mdev
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	guard
	kill -STOP "$(pid)" # it looks every two seconds
	"$progs/act_protect" disarm "$(pid)"
	if ! refuses; then
		answers "done"
	fi
	kill -CONT "$(pid)"
	wait_line '"type":"changed","what":"rules"' "$GUARD" 100
	answers EBUSY
	sleep 5 # it looks more than once
	same "told" "$(grep -c '"type":"changed"' "$GUARD")" 1
	unguard
	jq -en 'inputs | select(.type == "summary") | .changed == 1' "$GUARD"
	grep '"type":"changed"\|"type":"summary"' "$GUARD" | valid --lines - "$top/dist/fdpin-trace-enforce.schema.json"
}

@test "monitor: everything can be had, and each is told, with what it was and who" {
	needs_lsm
	policy '[protect]' 'action = monitor'
	guard --pin="$PINS"
	reached "done" "done"
	wait_line '"op":"trace"' "$GUARD"
	unguard
	same "maps" "$(jq -cn '[inputs | select(.rule == "protect" and .op == "get-map" and .comm == "act_protect") | .action] | unique' "$GUARD")" '\["would-deny"\]'
	for op in get-program get-link trace; do [ "$(told would-deny $op)" -gt 0 ]; done
	[ "$(counted protect would_deny)" -gt 10 ]
	same "denied" "$(counted protect denied)" 0
	head -n 40 "$GUARD" | valid --lines - "$top/dist/fdpin-trace-enforce.schema.json"
}

@test "deny: maps, programs and links are refused by their ids, its process to whoever would attach; to look at it and signals go on" {
	needs_lsm
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no' '[protect]' 'action = deny'
	guard --pin="$PINS"
	same "rule" "$(jq -r 'select(.type == "guard") | .rules[] | select(.name == "protect") | "\(.action) \(.errno)"' "$GUARD")" "deny EPERM"
	reached EPERM EPERM
	wait_line '"op":"trace"' "$GUARD"
	jq -en --argjson id "$(ids link_id | head -n 1)" 'any(inputs; .rule == "protect" and .action == "denied" and .op == "get-link" and .object == $id and .result == -1)' "$GUARD"
	jq -en --argjson id "$(pid)" 'any(inputs; .rule == "protect" and .op == "trace" and .object == $id and .container == null)' "$GUARD"
}

@test "deny: bpftool is refused the guard's, and has everybody else's" {
	needs_lsm
	local map prog link other
	map=$(ids map_id | head -n 1) prog=$(ids prog_id | head -n 1) link=$(ids link_id | head -n 1)
	fails 'not permitted' bpftool map dump id "$map"
	fails 'not permitted' bpftool map update id "$map" key 0 0 0 0 value 0 0 0 0
	fails 'not permitted' bpftool prog show id "$prog"
	fails 'not permitted' bpftool link show id "$link"
	fails 'not permitted' bpftool link detach id "$link"
	bpftool map create "/sys/fs/bpf/somebody" type hash key 4 value 4 entries 4 name somebody
	other=$(bpftool -j map show pinned /sys/fs/bpf/somebody | jq .id)
	bpftool map update id "$other" key 1 0 0 0 value 2 0 0 0
	bpftool -j map dump id "$other" | grep '0x02'
	rm /sys/fs/bpf/somebody
	# the trace beside it has its own
	bpftool prog show id "$(sed -n 's/^prog_id:[[:blank:]]*//p' /proc/"$(cat "$RUN/live.pid")"/fdinfo/* | head -n 1)"
}

@test "deny: its pins and their bpffs stay; in the same bpffs others do as they like" {
	needs_lsm
	local before mounts
	before=$(find "$PINS" | sort)
	mounts=$(grep -c ' /sys/fs/bpf bpf ' /proc/self/mounts)
	fails 'not permitted' rm -r "$PINS"/guard-*
	fails 'not permitted' rm "$(find "$PINS" -type f | head -n 1)"
	fails 'not permitted' mv "$PINS" "$PINS-away"
	fails 'not permitted' mv "$(echo "$PINS"/guard-*)" "$PINS/away"
	fails 'not permitted' mv "$(find "$PINS" -type f | head -n 1)" /sys/fs/bpf/away
	mkdir /sys/fs/bpf/others
	fails 'not permitted' mv -T /sys/fs/bpf/others "$PINS/others"
	mv /sys/fs/bpf/others /sys/fs/bpf/others-too
	rmdir /sys/fs/bpf/others-too
	fails 'must be superuser' umount /sys/fs/bpf # what umount(8) makes of EPERM
	fails 'must be superuser' umount -l /sys/fs/bpf
	same "mounted" "$(grep -c ' /sys/fs/bpf bpf ' /proc/self/mounts)" "$mounts"
	same "pins" "$(find "$PINS" | sort)" "$before"
	# its own mount of it is anybody's, and takes nothing from the pins
	unshare -m umount /sys/fs/bpf
	same "pins" "$(find "$PINS" | sort)" "$before"
	mkdir "$BATS_TEST_TMPDIR/bpf"
	mount -t bpf bpf "$BATS_TEST_TMPDIR/bpf"
	umount "$BATS_TEST_TMPDIR/bpf"
	wait_line '"op":"unmount-pins"' "$GUARD"
	[ "$(told denied remove-pins)" -ge 6 ]
	same "umounts" "$(told denied unmount-pins)" 2
	same "found gone" "$(grep -c '"type":"pins"' "$GUARD" || true)" 0
}

@test "deny: who is exempt gets at all of it, for that time; then nobody does" {
	needs_lsm
	exempt protect 1h
	reached "done" "done"
	wait_line '"action":"exempt","op":"trace"' "$GUARD"
	rm "$EXEMPTION"
	wait_lines 1 'Exemption is over' "$GUARD.err"
	reached EPERM EPERM
	# of one program, another gets nothing
	exempt protect 1h --exe "$(command -v bpftool)"
	bpftool map show id "$(ids map_id | head -n 1)"
	reached EPERM EPERM
	rm "$EXEMPTION"
	wait_lines 2 'Exemption is over' "$GUARD.err"
}

@test "deny: killed, its pins are anybody's to remove, and the next one takes over from them without help" {
	needs_lsm
	local id
	shopt -s extglob
	id=$(ids map_id | head -n 1)
	guard_dies
	# what is left attached is closed still
	fails 'not permitted' bpftool map show id "$id"
	guard --pin="$PINS"
	grep -F 'What an earlier one left pinned guarded until now.' "$GUARD.err"
	same "generations" "$(find "$PINS" -mindepth 1 -maxdepth 1 -printf '%f\n')" 'guard-+([0-9])'
	reached EPERM EPERM
	guard_dies
	rm -r "$PINS"
	umount -l /sys/fs/bpf
	mount -t bpf -o mode=0700 bpf /sys/fs/bpf
}

@test "deny: told to end it ends, with its pins, and what it was made of is nobody's any more" {
	needs_lsm
	local id i
	guard --pin="$PINS"
	id=$(ids map_id | head -n 1)
	unguard
	[ ! -e "$PINS" ]
	for ((i = 0; i < 100; i++)); do
		fails 'No such|not permitted' bpftool map show id "$id"
		if grep -q 'No such' "$BATS_TEST_TMPDIR/out"; then break; fi
		sleep 0.1
	done
	grep 'No such' "$BATS_TEST_TMPDIR/out"
	[ "$(counted protect denied)" = 0 ]
}

@test "deny as ENOENT: who lists all of the host goes on to what is not the guard's; the rest is EPERM" {
	needs_lsm
	policy '[protect]' 'action = deny' 'errno = ENOENT'
	guard --pin="$PINS"
	reached ENOENT EPERM
	bpftool map create "/sys/fs/bpf/somebody" type hash key 4 value 4 entries 4 name somebody
	bpftool map show | grep -w somebody
	rm /sys/fs/bpf/somebody
	bpftool prog show >"$BATS_TEST_TMPDIR/out"
	same "programs of the guard in the list" "$(cut -d: -f1 "$BATS_TEST_TMPDIR/out" | grep -xf <(ids prog_id) | wc -l)" 0
	same "some of the trace" "$([ -s "$BATS_TEST_TMPDIR/out" ] && echo yes)" yes
	fails 'not permitted' rm -rf "$PINS"
	unguard
}

@test "without the BPF LSM it does not start, and says why" {
	! lsm_has_bpf || skip "the BPF LSM is on here"
	local status=0
	policy '[protect]' 'action = monitor'
	"$fdpin" enforce --root "$BATS_FILE_TMPDIR/tree" --duration 1s 2>"$BATS_TEST_TMPDIR/out" || status=$?
	same "status" "$status" 78
	grep -F 'the rule protect is for the BPF LSM alone' "$BATS_TEST_TMPDIR/out"
}
