// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_exec - a deadlock by exec: the device file is close-on-exec
 *
 * That is how the kernel hands it out. The process shows its new name when it
 * hangs. --what keep: the container file stays open over exec, as a VMM that
 * replaces itself wants it; --what both: it is close-on-exec as well.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "act.h"

static void actor(void)
{
	struct box b = { 0 };

	box_act_and_block(&b);
	fcntl(b.device, F_SETFD, FD_CLOEXEC);
	fcntl(b.container, F_SETFD, what_is("keep") ? 0 : FD_CLOEXEC);
	say("how=exec");
	say("comm_after=exe");
	shared->closer = getpid();
	execl("/proc/self/exe", "successor", "--successor", NULL);
	die("execl");
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--successor")) {
		say("successor=runs");	/* nothing has hung */
		return 0;
	}
	act_options(argc, argv);
	if (what_is("keep"))
		expect("yes", "proven", "any");
	else
		expect("yes|cannot-tell", "proven|likely", "any");
	return act_run(actor, REACH_STUCK);
}
