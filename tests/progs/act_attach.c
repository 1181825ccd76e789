// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_attach - a user thread blocks while it adds a group to the container
 *
 * Adding a group that needs a new IOMMU domain replays the mappings into it,
 * and first waits until all of them are valid; so --pci GROUP is needed, the
 * group of an mdev gets in without waiting. Never undone, as act_user.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "act.h"

static int second;

static void *user(void *arg)
{
	struct box *b = arg;

	__atomic_store_n(&shared->closer, gettid(), __ATOMIC_RELEASE);
	if (ioctl(second, VFIO_GROUP_SET_CONTAINER, &b->container))
		refused("attach");
	say("attached=yes");
	return NULL;
}

static void actor(void)
{
	const char *pci = opt.pci;
	struct box b = { 0 };

	opt.pci = NULL;		/* not yet */
	box_setup(&b);
	second = pci ? open(pci, O_RDWR) : -1;
	if (second < 0)
		die("--pci %s", pci ? pci : "(missing)");
	say("attach_group_fd=%d", second);
	box_invalidate(&b);
	run_thread(user, &b);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	say("would_oops=yes");
	say("thread_class=attach");
	expect("no|cannot-tell", "none|likely", "yes");
	return act_run(actor, REACH_ATTACHING);
}
