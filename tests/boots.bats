#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# A kernel that was started, or is told later, to allow less: what doctor and status say of it. A boot of its own, as neither can be taken back.

setup_file() {
	cd "$BATS_TEST_DIRNAME/.."
	rm -rf "$(shared)"
	# shellcheck disable=SC2016 # the guest's shell it is
	tests/vm/run --timeout 400 --early --append 'lsm=lockdown,capability,yama intremap=off' -- bash -c '
		modprobe vfio_iommu_type1
		cd "$1"
		pci=/dev/vfio/$("$2/vm/bind-vfio" | awk "NR == 1 { print \$2 }")
		say() { name=$1; shift; "$@" >"$name" 2>&1; echo $? >"$name.status"; }
		echo Y >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
		"${0%/*}/tests/progs/act_pci" --timeout 60 --what invalid --pci "$pci" >act.early 2>&1 &
		until grep -E "^(ready|error)" act.early; do sleep 0.1; done
		say early "$0" status
		say late "$0" status
		kill $!
		wait
		for safe in N Y; do
			echo $safe >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
			"$0" trace --errors -j -q -o errors.$safe -- "${0%/*}/tests/progs/act_errors" --timeout 60 --what isolated --pci "$pci" >act.$safe 2>&1
		done
		for mode in none integrity confidentiality; do
			[ $mode = none ] || echo $mode >/sys/kernel/security/lockdown
			"$0" doctor -j >doctor.$mode
			echo $? >doctor.$mode.status
			[ $mode = integrity ] || "$0" enforce -j --duration 1s >enforce.$mode
			echo $? >enforce.$mode.status
		done
		say status "$0" status -j
		say check "$0" status --check
		say trace "$0" trace --duration 1s
		true' "$PWD/${O:-build}/fdpin-trace" "$(shared)" "$PWD/tests" >&2
}

# A folder of the working tree, as the guest's /tmp is its own
shared() {
	mkdir -p "$BATS_TEST_DIRNAME/../${O:-build}/tests/boots"
	realpath "$BATS_TEST_DIRNAME/../${O:-build}/tests/boots"
}

setup() { cd "$(shared)"; }

# Nobody has asked for random numbers here: without waiting the first command would make names that no later one makes.
@test "a command before the kernel has its secret waits for it: containers are called the same ever after" {
	local names
	grep "Waiting for the kernel's random numbers" early
	! grep Waiting late || return 1
	names=$(grep -o 'vfio-[0-9a-f]*' late | sort -u)
	[ -n "$names" ]
	[ "$(grep -o 'vfio-[0-9a-f]*' early | sort -u)" = "$names" ]
}

check() { jq -r --arg id "$2" '.checks[] | select(.id == $id) | "\(.answer)/\(.state)"' "doctor.$1"; }

@test "bpf is not in the list of LSMs: a program that attaches and is never called is no guard; fmod_ret works" {
	[ "$(check none bpf-lsm)" = no/part ]
	[ "$(check none fmod-ret)" = yes/ok ]
	jq -e '.checks[] | select(.id == "bpf-lsm") | any(.notes[]; .text | test("attached, but never called"))' doctor.none
	[ "$(cat doctor.none.status)" = 0 ]
}

@test "bpf is not in the list of LSMs: the guard comes up as fmod_ret, proven, and says so" {
	jq -en 'any(inputs; .type == "guard" and .mechanism == "fmod_ret" and .compat == "refused")' enforce.none
	[ "$(cat enforce.none.status)" = 0 ]
	[ "$(jq -r .works.enforce doctor.none)" = full ]
}

@test "lockdown integrity: nothing is lost" {
	[ "$(check integrity lockdown)" = yes/ok ]
	[ "$(jq -c .works doctor.integrity)" = "$(jq -c .works doctor.none)" ]
}

@test "lockdown confidentiality: said, what needs no look into the kernel is still told, and no command claims to work" {
	[ "$(check confidentiality lockdown)" = no/none ]
	[ "$(check confidentiality kernel-memory)" = no/none ]
	[ "$(jq -c .defects doctor.confidentiality)" = "$(jq -c .defects doctor.none)" ]
	[ "$(jq -r '.works | "\(.status) \(.trace) \(.report)"' doctor.confidentiality)" = "none none full" ]
	jq -e '.checks | map(select(.answer == "unknown")) == []' doctor.confidentiality
}

@test "lockdown confidentiality: there is no guard, and it is not said that there is one" {
	[ "$(jq -r .works.enforce doctor.confidentiality)" = none ]
	jq -en '[inputs] | any(has("error")) and all(.type == null)' enforce.confidentiality
	[ "$(cat enforce.confidentiality.status)" != 0 ]
}

@test "lockdown confidentiality: status cannot tell, and says what forbids it; trace does not start" {
	jq -e '.complete == false and all(.verdicts[]; .answer == "cannot-tell") and any(.gaps[]; .why | test("lockdown"))' status
	[ "$(cat check.status)" = 3 ]
	grep -q '^UNKNOWN .*lockdown' check
	grep -q lockdown trace
	[ "$(cat trace.status)" = 77 ]
}

@test "interrupts are not remapped: why a group is not let in is told, and the parameter that lets it" {
	grep -x isolated=EPERM act.N
	grep -x isolated=ok act.Y
	because() { jq -r 'select(.type == "because") | .text' "errors.$1"; }
	because N | sed -n 1p | grep "there is no group in the container"
	because N | sed -n 2p | grep "no driver is there for an IOMMU of type 99"
	because N | sed -n 3p | grep "interrupts of the device cannot be kept apart .* allow_unsafe_interrupts is off"
	[ "$(because N | wc -l)" = 3 ]
	[ "$(because Y)" = "$(because N | head -n 2)" ]
}
