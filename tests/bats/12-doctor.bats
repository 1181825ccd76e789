#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What doctor says of each row, which was built to be so, and what it says when something is taken away: not known, and why; never "no".

load helpers

status=0
D=$BATS_TEST_TMPDIR/doctor.json

teardown() { sysctl -qw kernel.kptr_restrict=0; }

# doctor ARG…: as JSON to $D, its status in $status
doctor() {
	status=0
	"$fdpin" doctor -j "$@" >"$D" || status=$?
}

defects() {
	jq -r '.defects | [.deadlock, .exec_underflow, .restore, .mdev_exclusion, .change_process] | join(" ")' "$D"
}

# check ID: answer and state
check() {
	jq -r --arg id "$1" '.checks[] | select(.id == $id) | "\(.answer)/\(.state)"' "$D"
}

why() {
	jq -r --arg id "$1" '.checks[] | select(.id == $id) | .why' "$D"
}

as_nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all "$@"
}

@test "the defects of this row, as it was built" {
	doctor
	case $KERNEL in
	6.1) wanted="no no no no no" want=0 ;;
	6.1-unguarded) wanted="yes no no yes no" want=2 ;;
	6.1-unfixed) wanted="yes yes yes yes no" want=2 ;;
	6.12 | 6.18 | newest) wanted="no no no no no" want=0 ;;
	iommufd) wanted="no no no no yes" want=2 ;;
	*) skip "row $KERNEL has no expectation here" ;;
	esac
	same "defects" "$(defects)" "$wanted"
	same "status" "$status" "$want"
	same "status in JSON" "$(jq .status "$D")" "$want"
}

@test "what waits for an address, beside the kernel's own table of symbols" {
	doctor
	same "vaddr-wait is answered by code or its absence" \
		"$(jq -r '.checks[] | select(.id == "vaddr-wait") | any(.notes[]; .text | test("vaddr_wait is there"))' "$D")" \
		"$(if grep -qw vfio_wait /proc/kallsyms; then echo true; else echo false; fi)"
}

@test "what the kernel has: each answer beside what the system says elsewhere" {
	doctor
	for id in btf fentry iterators kernel-memory symbols bpf-lsm fmod-ret lockdown type1 capabilities visibility; do
		same "$id" "$(check $id)" "yes/ok"
	done
	same "LSMs" "$(why bpf-lsm | tr -d ' ')" "$(cat /sys/kernel/security/lsm)"
	if [ -e /sys/module/vfio_iommu_type1/srcversion ]; then
		same "srcversion" "$(why type1)" "*$(cat /sys/module/vfio_iommu_type1/srcversion)"
	fi
	if [ -c /dev/iommu ]; then
		for id in iommufd map-file change-process; do same "$id" "$(check $id)" "yes/ok"; done
	else
		for id in iommufd map-file change-process; do same "$id" "$(check $id)" "no/none"; done
	fi
	same "commands" "$(jq -r '.works | [.[]] | unique | join(" ")' "$D")" full
}

@test "it leaves nothing behind: no program, no link, no context, no child" {
	before=$(bpftool prog show -j | jq length) links=$(bpftool link show -j | jq length)
	"$fdpin" doctor -q || true
	# programs are freed a moment after their last user
	for ((i = 0; i < 100; i++)); do
		[ "$(bpftool prog show -j | jq length)" = "$before" ] && break
		sleep 0.1
	done
	same "programs" "$(bpftool prog show -j | jq length)" "$before"
	same "links" "$(bpftool link show -j | jq length)" "$links"
	! dmesg | grep -E 'WARNING: .*iommufd|ioas\.c'
}

@test "-v says how each line was decided; all of it fits 80 columns" {
	"$fdpin" doctor -v >"$BATS_TEST_TMPDIR/text" || true
	awk '{ gsub(/[^[:print:]]/, "?") } length > 80 { print; bad = 1 } END { exit bad }' "$BATS_TEST_TMPDIR/text"
	grep -q '^        tested  ' "$BATS_TEST_TMPDIR/text"
	case $KERNEL in 6.1-unguarded | 6.1-unfixed)
		grep -q '^  FAIL  vaddr wait ' "$BATS_TEST_TMPDIR/text"
		grep -q '^        fix  ' "$BATS_TEST_TMPDIR/text"
		;;
	esac
}

@test "--only and --require: exit statuses" {
	run "$fdpin" doctor --only vaddr-wait
	case $KERNEL in 6.1-unguarded | 6.1-unfixed) want=2 ;; *) want=0 ;; esac
	same "--only vaddr-wait" "$status" "$want"
	[ "${#lines[@]}" -le 3 ]
	run "$fdpin" doctor -q --require btf,fentry --require trace
	same "--require of what is there" "$status" 0
	[ -z "$output" ]
	if [ ! -c /dev/iommu ]; then
		run "$fdpin" doctor -q --require btf,iommufd
		same "--require of what is absent" "$status" 1
	fi
	run as_nobody "$fdpin" doctor -q --require trace
	same "--require of what cannot be told" "$status" 3
}

@test "without rights: what needs none is told, the rest is not known, and which right is missing" {
	D=/tmp/nobody.json
	as_nobody "$fdpin" doctor -j >"$D" || status=$?
	for id in fentry iterators kernel-memory bpf-lsm; do
		same "$id" "$(check $id)" unknown/unknown
		same "why" "$(why $id)" "*CAP_BPF*"
	done
	same "works" "$(jq -r '"\(.works.status) \(.works.trace) \(.works.report)"' "$D")" "none none full"
	case $KERNEL in
	6.1-unguarded | 6.1-unfixed) same "deadlock" "$(jq -r .defects.deadlock "$D")" yes ;;
	iommufd)
		same "change_process" "$(jq -r .defects.change_process "$D")" unknown
		same "status" "$status" 3
		;;
	*) same "status" "$status" 1 ;;
	esac
}

@test "type information hidden: not known, and why" {
	unshare -m sh -c "mount -t tmpfs none /sys/kernel/btf && '$fdpin' doctor -j" >"$D" || status=$?
	same "status" "$status" "[23]"
	for id in btf vaddr-wait locked-vm restore fentry; do same "$id" "$(check $id)" unknown/unknown; done
	same "why" "$(why btf)" "*hidden*"
	same "defects" "$(defects | cut -d' ' -f1-3)" "unknown unknown unknown"
}

@test "the file of the driver hidden: the driver's word alone is not enough where its code can wait" {
	! builtin_vfio || skip "row $KERNEL has VFIO built in: there is no such file"
	file=$(modinfo -n vfio_iommu_type1)
	unshare -m sh -c "mount --bind /bin/true '$file' && '$fdpin' doctor -j" >"$D" || status=$?
	case $KERNEL in
	6.1) wanted=unknown ;;
	6.1-unguarded | 6.1-unfixed) wanted=yes ;;
	*) wanted=no ;;
	esac
	same "deadlock" "$(jq -r .defects.deadlock "$D")" "$wanted"
	same "mdev_exclusion" "$(jq -r .defects.mdev_exclusion "$D")" "$wanted"
}

@test "in a PID namespace: said, and nothing else lost" {
	unshare -pf --mount-proc "$fdpin" doctor -j >"$D" || status=$?
	same "visibility" "$(check visibility)" "no/part"
	same "fentry" "$(check fentry)" "yes/ok"
	same "status works" "$(jq -r .works.status "$D")" partial
}

@test "symbols hidden: said" {
	sysctl -qw kernel.kptr_restrict=2
	doctor
	sysctl -qw kernel.kptr_restrict=0
	same "symbols" "$(check symbols)" "no/none"
	same "status works" "$(jq -r .works.status "$D")" partial
}
