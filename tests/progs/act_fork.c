// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_fork - near miss: a forked process still holds the container file
 *
 * The closer hangs as in act_deadlock, but its child is alive and can restore
 * the range at any moment; when the act is undone it does. With --what unmap
 * it unmaps the range instead, which frees the worker as well, unless the
 * device was told (--unmap-flush --pins 1) to flush it in its dma_unmap: then
 * the child hangs too.
 */
#include <unistd.h>

#include "act.h"

static void holder(void *arg)
{
	struct box *b = arg;

	/* The device too would keep close_device from being called. */
	close(b->device);
	ready();
	wait_quit();
	if (what_is("restore"))
		box_revalidate(b);
	else
		box_unmap(b);
}

static void actor(void)
{
	struct box b = { 0 };

	box_act_and_block(&b);
	say("holder_tgid=%d", fork_holder(holder, &b));
	while (!shared->ready)
		pause_ms(1);
	hang_closing(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	expect("no", "none", "yes");
	return act_run(actor, REACH_STUCK);
}
