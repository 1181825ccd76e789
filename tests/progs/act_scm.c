// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_scm - near miss: another process got the container file by SCM_RIGHTS
 *
 * It was forked before anything was opened, as a VMM's successor would be,
 * and can restore the range with its own mapping of the same memory. With
 * --what only the closer has given up its own container file before.
 */
#include <unistd.h>

#include "act.h"

static int pair[2];

static void holder(void *arg)
{
	struct box b;

	(void)arg;
	close(pair[0]);
	box_receive(&b, pair[1]);
	say("holder_fd=%d", b.container);
	ready();
	wait_quit();
	box_revalidate(&b);
}

static void actor(void)
{
	struct box b = { 0 };
	pid_t pid;

	open_pair(pair);
	pid = fork_holder(holder, NULL);
	close(pair[1]);
	box_act_and_block(&b);
	box_send(&b, pair[0]);
	while (!shared->ready)
		pause_ms(1);
	say("holder_tgid=%d", pid);
	if (what_is("shared"))
		say("closer_holds=yes");
	else
		close(b.container);
	hang_closing(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	expect("no", "none", "yes");
	return act_run(actor, REACH_STUCK);
}
