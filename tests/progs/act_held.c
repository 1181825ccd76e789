// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_held - a thread that maps, and waits for an mmap_lock that somebody has
 *
 * --pci GROUP is needed: what is mapped is pinned then, under the lock of the
 * container. The main thread has the mmap_lock of its own address space for
 * writing (a command of the test device), the other one maps, and waits.
 *
 *	told	until SIGTERM: a child, with an address space of its own, tells the
 *		device to let go
 *	timer	the same, and it sleeps by timers of --hold-ms meanwhile
 *	free	not at all: the mapping ends
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

static struct box box;
static bool begun; /* all that is touched from now on is locked in memory */

static void command(__u32 op, __u32 delay_ms)
{
	struct fdpin_cmd cmd = { .op = op, .ctx = FDPIN_CTX_CALLER, .iova = box.iova, .len = 4096, .delay_ms = delay_ms };

	if (box_try_command(&box, &cmd))
		die("command %u", op);
}

/* Nothing of this may need a page that is not there: that would wait for the lock, too, and outside of the kernel's calls. */
static void *mapper(void *arg)
{
	struct fdpin_result res = { .bytes = 0 };

	(void)arg;
	while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
		pause_ms(1);
	while (!what_is("free") && !res.bytes)
		if (pread(box.device, &res, sizeof(res), FDPIN_RESULT_OFF) != sizeof(res))
			die("result");
	__atomic_store_n(&shared->closer, gettid(), __ATOMIC_RELEASE);
	if (box_try_map(&box))
		die("VFIO_IOMMU_MAP_DMA");
	__atomic_store_n(&shared->closer, 0, __ATOMIC_RELEASE);
	return NULL;
}

static void let_go(void *arg)
{
	(void)arg;
	wait_quit();
	command(FDPIN_OP_NONE, 0);
}

static void actor(void)
{
	pid_t child = 0;
	pthread_t t;
	int status;

	box_open(&box);
	box_open_device(&box);
	box_memory(&box);
	box_say(&box, "");
	snprintf(shared->uuid, sizeof(shared->uuid), "%s", box.uuid);
	if (!what_is("free"))
		child = fork_holder(let_go, NULL);
	if (pthread_create(&t, NULL, mapper, NULL) || mlockall(MCL_CURRENT))
		die("thread, mlockall");
	__atomic_store_n(&begun, true, __ATOMIC_RELEASE);
	if (child)
		command(FDPIN_OP_HOLD_MM, what_is("timer") ? opt.hold_ms : 0);
	pthread_join(t, NULL);
	say("mapped=yes");
	if (child && (waitpid(child, &status, 0) != child || status))
		die("the child");
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	what_is("told");
	return act_run(actor, what_is("free") ? REACH_END : REACH_MAPPING);
}
