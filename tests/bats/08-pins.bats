#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# enforce --pin: what it refuses outlives it with no systemd to keep anything, until the next one has taken over; what becomes of pins that somebody takes away,
# and of a folder that is no place for them. On the kernels that do not refuse by themselves, so that a refusal is the guard's.

load helpers
load guard

PINS=/sys/fs/bpf/fdpin-trace

setup() {
	need_blocking
	need_mdev
}
teardown() {
	[ -n "${BATS_TEST_COMPLETED-}" ] || find /sys/fs/bpf >&2
	guard_teardown
}
teardown_file() {
	guard_teardown_file
	rm -rf "$PINS"
}

generations() { find "$PINS" -mindepth 1 -maxdepth 1 -printf '%f\n'; }

# One generation is there and nothing else, with a pin for each link that the guard has.
one_generation() {
	local links
	same "generations" "$(generations)" 'guard-+([0-9])'
	links=$(grep -l '^link_id:' /proc/"$(cat "$GUARD.pid")"/fdinfo/* | wc -l)
	[ "$links" -gt 5 ]
	same "pins" "$(find "$PINS" -type f | wc -l)" "$links"
}

told() { grep -c "\"type\":\"pins\".*\"state\":\"$1\"" "$GUARD" || true; }

@test "it is pinned when it guards, whole, in a folder that only its user can get into" {
	shopt -s extglob
	policy '[mdev-vaddr]' 'action = deny' 'sticky = no'
	guard --pin
	same "folder" "$(guard_says pins)" "$PINS"
	same "its mode and user" "$(stat -c '%a %u' "$PINS")" "700 0"
	one_generation
	generations >"$BATS_FILE_TMPDIR/first"
	answers EBUSY
}

# refused STATUS FOLDER MESSAGE
refused() {
	local status=0
	"$fdpin" enforce --root "$BATS_FILE_TMPDIR/tree" --duration 1s --pin="$2" >"$BATS_TEST_TMPDIR/out" 2>&1 || status=$?
	same "status for $2" "$status" "$1"
	grep -F -- "$3" "$BATS_TEST_TMPDIR/out" || { cat "$BATS_TEST_TMPDIR/out"; return 1; }
}

@test "a folder that is no place for pins is refused, and nothing is changed there" {
	local d=/sys/fs/bpf/hostile before
	mkdir -m 700 "$d" "$d/wide" "$d/other" "$d/open" "$d/open/mine" "$d/theirs" "$d/theirs/mine" "$BATS_TEST_TMPDIR/plain"
	chmod 750 "$d/wide"
	chown 4711 "$d/other" "$d/theirs"
	chmod 777 "$d/open"
	ln -s "$PINS" "$d/link"
	before=$(find /sys/fs/bpf -printf '%p %i %m %u\n')
	refused 69 "$PINS" "another guard that runs has its pins there"
	refused 73 "$d/wide" "others have access to it (mode 0750"
	refused 73 "$d/other" "it belongs to another user (4711)"
	refused 73 "$d/open/mine" "others can write to the folder it is in"
	refused 73 "$d/theirs/mine" "the folder it is in belongs to another user (4711)"
	refused 73 "$d/link" "it is a symbolic link"
	refused 73 "$d/link/" "it is a symbolic link"
	refused 73 "$d/a.b" "no name has a dot"
	refused 73 "$BATS_TEST_TMPDIR/plain" "it is not in a bpffs"
	refused 73 "$BATS_TEST_TMPDIR/none" "where it would be is no bpffs"
	refused 73 "$d/none/none" "No such file"
	same "what is there" "$(find /sys/fs/bpf -printf '%p %i %m %u\n')" "$before"
	[ ! -e "$BATS_TEST_TMPDIR/none" ]
	rm -r "$d"
	answers EBUSY
}

@test "pins that somebody removes: told, and pinned anew; refused all the time" {
	shopt -s extglob
	attack_begins 1
	rm -r "$PINS"/guard-*
	wait_line '"type":"pins".*"state":"there"' "$GUARD"
	one_generation
	[ "$(generations)" != "$(cat "$BATS_FILE_TMPDIR/first")" ]
	# one of them is enough, and so is the folder
	rm "$(find "$PINS" -type f -name '*file_ioctl*' | head -n 1)"
	wait_lines 2 '"type":"pins".*"state":"there"' "$GUARD"
	one_generation
	mv "$PINS" "$PINS-away"
	wait_lines 3 '"type":"pins".*"state":"there"' "$GUARD"
	one_generation
	same "left in the folder that was renamed" "$(find "$PINS-away" -type f)" ""
	rmdir "$PINS-away"
	same "told" "$(told gone) $(told there)" "3 3"
	attack_ends
}

@test "a bpffs that somebody unmounts: told once, refused on; pinned anew in the next" {
	shopt -s extglob
	attack_begins 1
	umount -l /sys/fs/bpf
	wait_lines 4 '"type":"pins".*"state":"gone"' "$GUARD"
	sleep 5 # it looks more than once
	same "told" "$(told gone) $(told there)" "4 3"
	answers EBUSY
	mount -t bpf -o mode=0700 bpf /sys/fs/bpf
	wait_lines 4 '"type":"pins".*"state":"there"' "$GUARD"
	one_generation
	same "told" "$(told gone)" 4
	attack_ends
}

@test "killed, with nothing but its pins: refused on; the next one takes over without a gap, and one generation is left" {
	shopt -s extglob
	local before
	before=$(generations)
	attack_begins 1
	guard_dies
	same "descriptors of its links" "$(grep -l '^link_id:' /proc/[0-9]*/fdinfo/* 2>/dev/null | grep -v "^/proc/$(cat "$RUN/live.pid")/")" ""
	grep '"type":"pins"' "$GUARD" | valid --lines - "$top/dist/fdpin-trace-enforce.schema.json"
	answers EBUSY
	mkdir -m 700 "$PINS/half-17" # of one that was killed at it
	guard --pin
	grep -F 'What an earlier one left pinned guarded until now.' "$GUARD.err"
	one_generation
	[ "$(generations)" != "$before" ]
	answers EBUSY
	attack_ends
}

@test "stopped: its pins are gone, and so is the guard" {
	unguard
	[ ! -e "$PINS" ]
	comes_to_answer done
	jq -e 'select(.type == "summary") | .pins_gone == 0' "$GUARD"
	{ head -n 5 "$GUARD" && tail -n 1 "$GUARD"; } | valid --lines - "$top/dist/fdpin-trace-enforce.schema.json"
}

@test "killed, it is got rid of by hand with rm -r" {
	guard --pin
	guard_dies
	answers EBUSY
	rm -r "$PINS"
	comes_to_answer done
}
