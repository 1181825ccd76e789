# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# referees.bash - what 18- and 19- are made of: containers that a program of ours has made and lists (tests/progs/act_list.c).

LIST=$BATS_TEST_TMPDIR/list.json

# The acting program does these words, then everybody is asked.
agree() {
	act list out="$LIST" "$@"
	"$fdpin" status -j >"$ST"
	python3 -I "$BATS_TEST_DIRNAME/referee.py" "$LIST" "$ST"
}

# The two groups of tests/vm/bind-vfio, edu and e1000e, as words for act_list: the group, or the device by itself.
bdf() { awk -v n="$1" 'NR == n { print $1 }' "$RUN/pci"; }
pci() { awk -v n="$1" 'NR == n { print "pci=" $2 "," $1 }' "$RUN/pci"; }
cdev() { echo "cdev=$(ls "/sys/bus/pci/devices/$(bdf "$1")/vfio-dev"),$(bdf "$1")"; }

# Where there is none an IOMMU-backed group has to do.
has_mdev() { [ "$FDPIN_MODULE" != none ]; }

need_iommufd() {
	[[ $KERNEL == iommufd* ]] || skip "row $KERNEL has no iommufd"
	[ -c /dev/iommu ]
}
