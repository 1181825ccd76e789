# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the scripts of this folder, each of which makes one variant: variants/NAME ENTRY SUITE SERIES VERSION WORK
# rebuilds the entry's vfio_iommu_type1.ko from the matching linux-source package, changed by semantic patches of this folder.
#
# A semantic patch that finds nothing is silent. So a script says what it counts on: `expect` counts places in the source before and after, `gone`
# and `absent` look at the finished module. Any surprise ends the script, and with it the entry: better no variant than an unchanged driver.
# shellcheck shell=bash
variants=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../common.bash
. "$variants/../common.bash"

entry=$1 suite=$2 series=$3 version=$4 work=$5
release=$(cat "$entry/release")
installed=$entry/lib/modules/$release/kernel/drivers/vfio/vfio_iommu_type1.ko
build=$work/type1
# shellcheck disable=SC2034 # the variants look at it
btf=$work/btf		# the finished module's, as text
source_file=$build/vfio_iommu_type1.c

# get_source: the driver's files of the source package go to $build. The package is large: what is needed of it stays in the cache.
get_source() {
	local package=linux-source-$series files=$cache/sources/linux-source-$series-$version temp
	if [ ! -e "$files" ]; then
		temp=$(mktemp -d "$work/source.XXXXXX")
		(cd "$temp" && "$here/apt" "$suite" apt-get -qq -o APT::Sandbox::User=root download "$package=$version") || die "cannot download $package=$version"
		dpkg-deb --fsys-tarfile "$temp"/*.deb | tar -x -O --wildcards "./usr/src/$package.tar.*" |
			tar -x -J -C "$temp" --strip-components=3 "$package/drivers/vfio/vfio_iommu_type1.c" "$package/drivers/vfio/vfio.h" ||
			die "$package is not as expected"
		rm "$temp"/*.deb
		mkdir -p "$cache/sources"
		publish "$temp" "$files"
	fi
	mkdir "$build"
	cp "$files"/* "$build/"
	printf '%s\n' 'obj-m := vfio_iommu_type1.o' 'ccflags-y := -Wno-unused-label' >"$build/Kbuild"
}

# expect COUNT TEXT: the source has this text so many times
expect() {
	local found
	found=$(grep -Fo -- "$2" "$source_file" | wc -l)
	[ "$found" = "$1" ] || die "'$2' is $found times in the source, not $1: the patches of this variant have to be looked at"
}

patch_source() {
	spatch --very-quiet --no-includes --in-place --sp-file "$variants/$1" "$source_file" >"$work/spatch" 2>&1 || { cat "$work/spatch"; die "spatch failed with $1"; }
}

# install_module: builds it, and puts it in the place of the entry's own. That one is a hard link to another entry's: it is unlinked, not written to.
install_module() {
	"$here/make-module" "$entry" "$build"
	rm "$installed"
	cp "$build/vfio_iommu_type1.ko" "$installed"
	[ "$(modinfo -F vermagic "$installed")" = "$(modinfo -F vermagic "${installed%/*}/vfio.ko")" ] || die "the module is for another kernel"
	bpftool -B "$entry/boot/vmlinux" btf dump file "$installed" >"$btf"
	grep -q "FUNC 'vfio_wait'" "$btf" || die "vfio_wait is not in the module's BTF"
	nm "$installed" | grep -q ' t vfio_wait$' || die "vfio_wait is no symbol of the module"
}

# gone TEXT: the finished module does not hold this text.
gone() { ! grep -Fq -- "$1" "$installed" || die "'$1' is still in the module"; }

# members STRUCT: the members a type of the finished module has, a line each
members() {
	awk -v s="STRUCT '$1'" 'index($0, s) { on = 1; next } /^\[/ { on = 0 } on { sub(/^[ \t]*\047/, ""); sub(/\047.*/, ""); print }' "$btf"
}
