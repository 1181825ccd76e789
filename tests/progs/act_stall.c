// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_stall - a worker is blocked, the process alive and its device open
 *
 * No deadlock yet: the next close makes it one.
 */
#include "act.h"

static void actor(void)
{
	struct box b = { 0 };

	box_act_and_block(&b);
	stay();
	box_revalidate(&b);
	box_finish(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	expect("no", "none", "yes");
	return act_run(actor, REACH_BLOCKED);
}
