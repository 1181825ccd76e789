// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_deadlock - the worker blocks on the invalid range, close waits for it
 *
 * --op, --ctx and --close choose who blocks and how the device's close waits;
 * --how whether the last file goes by close(2), by exit or by SIGKILL.
 */
#include "act.h"

/* A kthread that nobody waits for by its own means is told to stop. */
static bool told_to_stop(void)
{
	switch (opt.close) {
	case FDPIN_CLOSE_NOTHING:
	case FDPIN_CLOSE_OTHER_WORK:
	case FDPIN_CLOSE_COMPLETION:
	case FDPIN_CLOSE_MUTEX:
		return false;
	}
	return opt.ctx == FDPIN_CTX_KTHREAD;
}

static void actor(void)
{
	struct box b = { 0 };

	box_act_and_block(&b);
	hang_closing(&b);
	/* Here only if close did not wait, and the worker may still be there. */
	stay();
	box_revalidate(&b);
}

static enum reach expected(void)
{
	bool left = opt.close == FDPIN_CLOSE_NOTHING ||
		    opt.close == FDPIN_CLOSE_OTHER_WORK;

	if (left) {
		expect("no", "none", "yes");
		return REACH_BLOCKED;
	}
	if (opt.close == FDPIN_CLOSE_COMPLETION) {
		expect("cannot-tell", "likely", "yes");
		return REACH_STUCK;
	}
	if (told_to_stop()) {
		expect("no", "none", "no");
		return REACH_READY;
	}
	if (opt.how == HOW_CLOSE)
		expect("yes", "proven", "any");
	else
		expect("yes|cannot-tell", "proven|likely", "any");
	return REACH_STUCK;
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	return act_run(actor, expected());
}
