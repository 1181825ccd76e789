// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_exposed - a mediated device beside an invalid range, and nobody waits
 *
 * The device is open and idle: the first thing its driver wants from the range
 * would block. Kernels with the exclusion refuse it.
 */
#include "act.h"

static void actor(void)
{
	struct box b = { 0 };

	box_setup(&b);
	box_invalidate(&b);
	stay();
	box_revalidate(&b);
	say("restored=yes");
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	return act_run(actor, REACH_READY);
}
