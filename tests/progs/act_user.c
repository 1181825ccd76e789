// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_user - a user thread blocks on the range by an access to the region
 *
 * --what two: the main thread is alive; --what alone: the main thread itself
 * is the blocked one. Never undone: a user thread that wakes in this wait
 * takes kernel 6.1 down with it, so neither may be killed before the VM is.
 */
#include <unistd.h>

#include "act.h"

static void *user(void *arg)
{
	box_block(arg);	/* does not come back: the caller is the worker */
	return NULL;
}

static void actor(void)
{
	struct box b = { 0 };

	opt.ctx = FDPIN_CTX_CALLER;
	opt.close = FDPIN_CLOSE_NOTHING;
	box_setup(&b);
	box_invalidate(&b);
	ready();
	if (what_is("two")) {
		run_thread(user, &b);
		for (;;)
			pause();
	}
	user(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	say("would_oops=yes");
	if (what_is("two"))
		expect("no|cannot-tell", "none|likely", "yes");
	else
		expect("any", "any", "any");
	return act_run(actor, REACH_BLOCKED);
}
