// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_inflight - near miss: the container file is only in flight in a socket
 *
 * It was sent over AF_UNIX and nobody has taken it. No file table has it, so
 * the references do not add up. --what self: both ends of the socket belong
 * to the closer; --what other: another process could take it, and does when
 * the act is undone.
 */
#include <unistd.h>

#include "act.h"

static int pair[2];

static void taker(void *arg)
{
	struct box b;

	(void)arg;
	close(pair[0]);
	wait_quit();
	box_receive(&b, pair[1]);
	box_revalidate(&b);
}

static void actor(void)
{
	struct box b = { 0 };

	open_pair(pair);
	if (!what_is("self")) {
		say("taker_tgid=%d", fork_holder(taker, NULL));
		close(pair[1]);
	}
	box_act_and_block(&b);
	box_send(&b, pair[0]);
	close(b.container);
	hang_closing(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	expect("cannot-tell", "likely|none", "yes");
	return act_run(actor, REACH_STUCK);
}
