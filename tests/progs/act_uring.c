// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_uring - near miss: an io_uring holds the container as a fixed file
 *
 * The closer's own number for it is closed. The file table does not have it
 * any more, the ring does, so the references do not add up.
 */
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "act.h"

static void actor(void)
{
	struct io_uring_params p = { 0 };
	struct box b = { 0 };
	int ring;

	box_act_and_block(&b);
	ring = syscall(SYS_io_uring_setup, 4, &p);
	if (ring < 0)
		die("io_uring_setup");
	if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_FILES,
		    &b.container, 1))
		die("IORING_REGISTER_FILES");
	say("ring_fd=%d", ring);
	close(b.container);
	hang_closing(&b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	expect("cannot-tell", "likely|none", "yes");
	return act_run(actor, REACH_STUCK);
}
