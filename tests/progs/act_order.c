// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_order - near miss: the container file goes before the device file
 *
 * Its release wakes the worker with EFAULT, so the flush in the device's close
 * ends. With --how close the two are closed in this order; with exit and kill
 * the container is numbered above the device, and a dying process releases
 * the higher number first. The act ends by itself.
 */
#include <fcntl.h>
#include <unistd.h>

#include "act.h"

static void actor(void)
{
	struct box b = { 0 };
	int low;

	box_act_and_block(&b);
	low = b.container;
	if (opt.how != HOW_CLOSE) {
		b.container = fcntl(low, F_DUPFD_CLOEXEC, 100);
		if (b.container < 0)
			die("F_DUPFD");
		say("container_fd=%d", b.container);
	}
	close(low);
	hang_closing(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	return act_run(actor, REACH_END);
}
