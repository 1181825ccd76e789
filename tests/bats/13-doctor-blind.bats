#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# What doctor says when something is taken away: not known, and why; never "no". And how it says things.

load helpers
load doctor

@test "it leaves nothing behind: no program, no link, no context, no child; -v says how each line was decided; all of it fits 80 columns" {
	before=$(bpftool prog show -j | jq length) links=$(bpftool link show -j | jq length)
	"$fdpin" doctor -v >"$BATS_TEST_TMPDIR/text" || true
	# programs are freed a moment after their last user
	for ((i = 0; i < 100; i++)); do
		[ "$(bpftool prog show -j | jq length)" = "$before" ] && break
		sleep 0.1
	done
	same "programs" "$(bpftool prog show -j | jq length)" "$before"
	same "links" "$(bpftool link show -j | jq length)" "$links"
	! dmesg | grep -E 'WARNING: .*iommufd|ioas\.c'

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

@test "the file of the driver hidden: its memory says it; with that hidden too, the driver's word alone is not enough where its code can wait" {
	! builtin_vfio || skip "row $KERNEL has VFIO built in: there is no such file"
	local file wanted=no unsure=no
	file=$(modinfo -n vfio_iommu_type1)
	case $KERNEL in
	6.1) unsure=unknown ;;
	6.1-unguarded | 6.1-unfixed) wanted=yes unsure=yes ;;
	esac
	unshare -m sh -c "mount --bind /bin/true '$file' && '$fdpin' doctor -j" >"$D" || status=$?
	same "deadlock" "$(jq -r .defects.deadlock "$D")" "$wanted"
	same "mdev_exclusion" "$(jq -r .defects.mdev_exclusion "$D")" "$wanted"
	same "tested" "$(jq -r '.checks[] | select(.id == "mdev-exclusion").notes[] | select(.label == "tested").text' "$D")" "*the memory of the loaded vfio_iommu_type1 has *"
	# all of /lib/modules, as from the service
	unshare -m sh -c "mount -t tmpfs none /lib/modules && '$fdpin' doctor -j" >"$D" || status=$?
	same "mdev_exclusion" "$(jq -r .defects.mdev_exclusion "$D")" "$wanted"

	sysctl -qw kernel.kptr_restrict=2
	unshare -m sh -c "mount --bind /bin/true '$file' && setpriv --bounding-set=-syslog '$fdpin' doctor -j" >"$D" || status=$?
	sysctl -qw kernel.kptr_restrict=0
	same "deadlock" "$(jq -r .defects.deadlock "$D")" "$unsure"
	same "mdev_exclusion" "$(jq -r .defects.mdev_exclusion "$D")" "$unsure"
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
