#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Very many ranges and containers, and ranges that come and go while status reads them. FDPIN_LONG=1 does what CI has no time for.

load helpers
load referees

teardown() { common_teardown; }

# Hundreds of thousands of ranges come and go here, which nobody wants in the live trace: in-vm runs this file when that has ended.

# Its largest size in KiB, of a command whose output goes to a file
peak_of() { # FILE COMMAND…
	python3 -I -c '
import resource, subprocess, sys
status = subprocess.call(sys.argv[2:], stdout=open(sys.argv[1], "w"))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)' "$@"
}

# A range is some 600 bytes in the model and 500 of text: 70 MiB, twice the text while it grows, and what the tool is without any.
bounded() {
	echo "peak: $1 KiB"
	[ "$1" -gt 5000 ] && [ "$1" -lt 200000 ]
}

# More records than the ring has room for at once: they must come in parts, and none may be missing. Each range is one page of a memfd, with a hole as
# large behind it, so that its IOVA tells which: "all of them, of so many IOVAs, with the memory that is theirs".
each_once() {
	jq -c --argjson t "${A[tgid]}" --argjson first $((0x100000000)) '
		def number: ltrimstr("0x") | explode | reduce .[] as $c (0; . * 16 + (if $c > 96 then $c - 87 else $c - 48 end));
		[.complete, .lost, ([.containers[] | select(any(.holders[]; .tgid == $t))]
			| length, (map(select(.type == "type1").entries_left)), (map(select(.unstable)) | length), ([.[].holders[].fd] | unique | length),
			(map(.ranges[]) | length, (map(.iova) | unique | length),
				(map(select(.backing.kind == "memfd" and .backing.offset * 2 == (.iova | number) - $first)) | length)))]' "$ST"
}

@test "65,535 ranges in one of 1,000 containers: each once, each with its memory, nothing lost, in bounded memory" {
	local group peak
	group=$(pci 1)
	! has_mdev || group=mdev
	act list type1 "$group" driver empties=999 memfd=256m many=65535
	peak=$(peak_of "$ST" "$fdpin" status -j)
	same "all" "$(each_once)" '\[true,0,1000,\[0\],0,1000,65535,65535,65535\]'
	bounded "$peak"
	rm "$ST"
}

# mutating GENERATIONS [iommufd]: looks while ranges come and go, until there were enough of both; and what the looks say
mutating() {
	local i=0 did=0 words=() slots=16 looks=8 rounds=3000
	[ -z "${FDPIN_LONG-}" ] || looks=40 rounds=10000
	if [ "${2-}" ]; then
		for _ in 1 2 3 4; do words+=(iommu ioas); done
	elif has_mdev; then
		for _ in 1 2 3 4; do words+=(type1 mdev driver); done
	else
		words=(type1 "$(pci 1)" driver type1 "$(pci 2)" driver)
	fi
	act list "${words[@]}" memfd=$((slots * $1 * 4096)) mutate=$slots,"$1"
	while [ "$i" -lt "$looks" ] || [ "$did" -lt "$rounds" ]; do
		"$fdpin" status -j >"$BATS_TEST_TMPDIR/look.$i"
		i=$((i + 1)) did=$(sed -n "s/^rounds=//p" "$BATS_TEST_TMPDIR/act.out" | tail -n 1)
		did=${did:-0}
	done
	echo "# $did rounds, $i looks" >&3
	python3 -I "$BATS_TEST_DIRNAME/untorn.py" "${A[tgid]}" "${A[first_iova]}" "${A[memory]}" $slots "$1" "$BATS_TEST_TMPDIR"/look.* >&3
}

@test "ranges that come and go while they are read: nothing that never was is called stable" {
	mutating 64
}

@test "ranges that come and go, and come again just as they were" {
	mutating 2
}

@test "iommufd: 65,535 areas in one of 1,000 contexts: each once, each with its memory, nothing lost, in bounded memory" {
	need_iommufd
	local peak
	act list iommu ioas empties=999 memfd=256m many=65535
	peak=$(peak_of "$ST" "$fdpin" status -j)
	same "all" "$(each_once)" '\[true,0,1000,\[\],0,1000,65535,65535,65535\]'
	bounded "$peak"
	rm "$ST"
}

@test "iommufd: areas that come and go while they are read" {
	need_iommufd
	mutating 64 iommufd
}
