# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the scripts in tests/vm and by tests/setup: where things are, how to fail, how the cache is filled. It does nothing by itself.
# shellcheck shell=bash disable=SC2034

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)	# tests/vm
tree=$(cd "$here/../.." && pwd)				# the checkout
cache=${XDG_CACHE_HOME:-$HOME/.cache}/fdpin-trace
table=$tree/tests/kernels

say() { echo "${0##*/}: $*" >&2; }
die() { say "$*"; exit "${die_status:-1}"; }

# row NAME: sets name, suite, series, variant and tools from the table; false when there is no such row
row() {
	name=$1
	read -r suite series variant tools < <(awk -v n="$1" '$1 == n { print $2, $3, $4, $5 }' "$table") && [ -n "$tools" ]
}

# publish DIR ENTRY: a finished DIR becomes ENTRY in one step. Another run may have been faster: its entry stays.
publish() {
	[ -e "$2" ] || mv -T "$1" "$2"
}
