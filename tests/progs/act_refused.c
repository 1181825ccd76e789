// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_refused - what a kernel with the exclusion does: EBUSY, both ways
 *
 * First the invalidation while an mdev is in the container. With --pci a
 * container with that group alone is invalidated, an mdev is refused, then
 * the range is restored and the mdev let in. A kernel without the exclusion
 * says "done" to the first, and would block in the attach, so that is left
 * out there (act_attach does it). The act ends by itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "act.h"

static void answer(const char *call, const struct box *b, int ret)
{
	say("%s=%s", call, ret ? strerrorname_np(errno) : "done");
	ask_oracle(call, b);
}

static bool invalidate_with_mdev(void)
{
	struct box b = { 0 };
	int ret;

	box_setup(&b);
	ret = box_try_invalidate(&b);
	answer("invalidate_with_mdev", &b, ret);
	if (!ret)
		answer("revalidate", &b, box_try_revalidate(&b));
	box_close(&b);
	return ret;
}

static void attach_while_invalid(bool excluded)
{
	struct box b = { 0 }, other = { 0 };
	int mdev;

	box_open_pci(&b);
	box_map(&b);
	answer("invalidate_without_mdev", &b, box_try_invalidate(&b));
	mdev = open_mdev_group(&other);
	if (excluded)
		answer("attach_while_invalid", &b,
		       ioctl(mdev, VFIO_GROUP_SET_CONTAINER, &b.container));
	answer("revalidate", &b, box_try_revalidate(&b));
	answer("attach_when_valid", &b,
	       ioctl(mdev, VFIO_GROUP_SET_CONTAINER, &b.container));
}

static void actor(void)
{
	bool excluded = invalidate_with_mdev();

	if (opt.pci)
		attach_while_invalid(excluded);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	return act_run(actor, REACH_END);
}
