// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_handover - the invalidator is neither the opener nor a main thread
 *
 * Another process gets the container file by SCM_RIGHTS; a thread of it
 * invalidates, then the whole process is gone. The opener closes: deadlock.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

static int pair[2];

static void *invalidate(void *arg)
{
	box_invalidate(arg);
	ready();
	return NULL;
}

static void caller(void *arg)
{
	struct box b;

	(void)arg;
	close(pair[0]);
	box_receive(&b, pair[1]);
	run_thread(invalidate, &b);
	while (!shared->ready)
		pause_ms(1);
}

static void actor(void)
{
	struct box b = { 0 };
	pid_t pid;

	open_pair(pair);
	pid = fork_holder(caller, NULL);
	close(pair[1]);
	box_setup(&b);
	box_send(&b, pair[0]);
	if (waitpid(pid, NULL, 0) != pid)
		die("waitpid");
	if (shared->refused)
		return;
	box_block(&b);
	hang_closing(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	expect("yes", "proven", "any");
	return act_run(actor, REACH_STUCK);
}
