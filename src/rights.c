// SPDX-License-Identifier: GPL-2.0-only
/*
 * rights.c - capabilities (rights.h). There is one thread: the kernel keeps
 * them by thread.
 */
#include "rights.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As the kernel has them: two words of 32 bits. */
struct sets {
	struct __user_cap_data_struct word[_LINUX_CAPABILITY_U32S_3];
};

static int get(struct sets *ret)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &head, ret->word) ? -errno : 0;
}

static int set(const struct sets *sets)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capset, &head, sets->word) ? -errno : 0;
}

int rights_use(__u64 these)
{
	struct sets sets;
	int r = get(&sets);

	if (r)
		return r;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		sets.word[i].effective = sets.word[i].permitted & (__u32)(these >> 32 * i);
	return set(&sets);
}

/* What no program may ever be given; it takes a right of its own to say so, and without that no_new_privs has to do. */
static void bound(__u64 these)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (!(these & RIGHT(cap)))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

int rights_keep(__u64 these)
{
	struct sets sets;
	int r = get(&sets);

	if (r)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	bound(these);
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		sets.word[i].permitted &= (__u32)(these >> 32 * i);
		sets.word[i].effective = sets.word[i].permitted;
		sets.word[i].inheritable = 0; /* and with it what is ambient */
	}
	return set(&sets);
}
