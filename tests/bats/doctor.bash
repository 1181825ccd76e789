# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# doctor.bash - asking doctor, for 12-doctor.bats and 13-doctor-blind.bats.

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
