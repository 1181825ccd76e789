// SPDX-License-Identifier: GPL-2.0-only
/*
 * nameless.c - for LD_PRELOAD: a kernel that has no symbol for the functions which
 * programs attach to whose name begins with what NAMELESS says.
 *
 * That is what a kernel does whose compiler has made another of a function, with a
 * name like func.isra.0: its type information has the function, and loading a
 * program for it is ENOENT. The kernels of tests/kernels have none of these.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static int is_nameless(const union bpf_attr *attr)
{
	const char *name = getenv("NAMELESS");

	return name && *name && !strncmp(attr->prog_name, name, strlen(name));
}

/* libbpf's way to bpf(2). Six arguments are what any call has at most. */
long syscall(long number, ...)
{
	long (*next)(long number, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long arg[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (number == __NR_bpf && (int)arg[0] == BPF_PROG_LOAD && is_nameless((const union bpf_attr *)arg[1])) {
		errno = ENOENT;
		return -1;
	}
	return next(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}
