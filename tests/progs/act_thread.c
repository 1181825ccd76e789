// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_thread - near miss: the closer's process has another thread
 *
 * It could restore the range, though nothing says it will. --what spin: it is
 * running; --what futex, --what ppoll: it is asleep elsewhere. Undone it does
 * restore.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "act.h"

static void until_quit(void)
{
	struct pollfd p = { .fd = shared->quit_fd, .events = POLLIN };
	bool futex = !what_is("spin") && what_is("futex");

	while (!__atomic_load_n(&shared->quit, __ATOMIC_ACQUIRE)) {
		if (futex)
			syscall(SYS_futex, &shared->quit, FUTEX_WAIT, 0, NULL,
				NULL, 0);
		else if (what_is("ppoll"))
			ppoll(&p, 1, NULL, NULL);
	}
}

static void *other(void *arg)
{
	say("other_tid=%d", gettid());
	ready();
	until_quit();
	box_revalidate(arg);
	return NULL;
}

static void actor(void)
{
	struct box b = { 0 };

	what_is("spin");
	box_act_and_block(&b);
	run_thread(other, &b);
	while (!shared->ready)
		pause_ms(1);
	shared->undo = 1;
	hang_closing(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	expect("cannot-tell", "likely", "yes");
	return act_run(actor, REACH_STUCK);
}
