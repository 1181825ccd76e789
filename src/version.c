// SPDX-License-Identifier: GPL-2.0-only
/*
 * version.c - --version: ours, and those of the libraries.
 */
#include <bpf/libbpf.h>
#include <json-c/json.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#ifdef HAVE_LIBDW
#include <elfutils/version.h>
#endif

#include "opts.h"

void print_version(void)
{
	const char *scols;

	scols_get_library_version(&scols);
	printf("fdpin-trace %s\n"
	       "libbpf %u.%u\n"
	       "json-c %s\n"
	       "libsmartcols %s\n",
	       FDPIN_VERSION, libbpf_major_version(), libbpf_minor_version(), json_c_version(), scols);
#ifdef HAVE_LIBDW
	printf("libdw 0.%u\n", _ELFUTILS_VERSION);
#else
	puts("without libdw");
#endif
#ifdef HAVE_LIBSYSTEMD
	puts("libsystemd " HAVE_LIBSYSTEMD);
#else
	puts("without libsystemd");
#endif
}
