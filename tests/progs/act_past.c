// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_past - somebody has got past the guard; who shares the container goes on
 *
 * A child of the actor makes ordinary unmaps of its range while another thread of
 * it turns the flag in their argument on and off, until one of them has made the
 * range invalid beside the mdev: --rounds of them at most. That is when the
 * guard kills it; without a guard it ends by itself. Then the actor makes a call of
 * every kind, through the same files (now_…), and through another container
 * (other_…). SIGUSR1 to the actor: the same calls once more (again_…), and so on for
 * --pins times; then the range is unmapped or restored (free), and the calls are
 * made a last time (free_…).
 *
 * --what shared: the actor has the files as its child had them. --what parked: while the child
 * lives, and until it is gone, the actor's are nowhere but in a socket. --what restore:
 * shared, and the range is restored in place of being unmapped. --what leave: shared, and the mdev's group
 * is taken out. --what read-only: shared, and the child gives its argument in a page that
 * cannot be written to, so that each of its calls comes back with an error.
 * --what late: shared, and the actor maps with an argument that says it restores, until it is
 * read a second time.
 * --pci: a device in the same container, which is opened too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

#define PAGE 4096

static void answer(const char *when, const char *call, long ret)
{
	say("%s_%s=%s", when, call, ret < 0 ? strerrorname_np(errno) : "done");
}

/* ---- calls ------------------------------------------------------------------------------------ */

static long info_of(int container)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };

	return ioctl(container, VFIO_IOMMU_GET_INFO, &info);
}

static void info32(const char *when, int container)
{
#ifdef __x86_64__
	struct vfio_iommu_type1_info *info = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (info == MAP_FAILED)
		die("mmap");
	info->argsz = sizeof(*info);
	answer(when, "info32", ioctl32(container, VFIO_IOMMU_GET_INFO, info));
	munmap(info, PAGE);
#else
	(void)when, (void)container;
#endif
}

static long device_info(int device)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return ioctl(device, VFIO_DEVICE_GET_INFO, &info);
}

/* A range of its own, behind that of the box. */
static void map_another(const char *when, const struct box *b)
{
	struct box r = *b;

	r.iova = b->iova + 0x10000000;
	if (box_try_map(&r)) {
		answer(when, "map", -1);
		return;
	}
	box_unmap(&r);
	answer(when, "map", 0);
}

/* What leads out of a quarantine is let through: as which flags say so? */
static void map_late(const char *when, const struct box *b)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_VADDR,
		.vaddr = (unsigned long)b->mem,
		.iova = b->iova + 0x10000000,
		.size = b->size,
	};
	struct late_answer l = late_call(b->container, VFIO_IOMMU_MAP_DMA, &map, sizeof(map), VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	struct box r = *b;

	errno = l.error;
	say("%s_late_asked=%s", when, l.asked ? "yes" : "no");
	answer(when, "late", l.ret);
	r.iova = map.iova;
	if (!l.ret)
		box_unmap(&r);
}

static void open_again(const char *when, const char *call, int group, const char *name)
{
	int fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);

	answer(when, call, fd);
	if (fd < 0)
		return;
	answer(when, "opened", device_info(fd));
	close(fd);
}

static void join(const char *when, const struct box *b, int group)
{
	long ret = ioctl(group, VFIO_GROUP_SET_CONTAINER, &b->container);

	answer(when, "join", ret);
	if (!ret && ioctl(group, VFIO_GROUP_UNSET_CONTAINER))
		die("VFIO_GROUP_UNSET_CONTAINER");
}

static struct actor {
	struct box box, other;
	struct box mdev; /* in no container */
	int group;	 /* its */
	char pci_device[64];
	int pair[2];
} a;

static void of_group(const char *when, const struct box *b)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	answer(when, "status", ioctl(b->group, VFIO_GROUP_GET_STATUS, &status));
	open_again(when, "open", b->group, b->uuid);
	if (opt.pci)
		open_again(when, "open_pci", b->pci, a.pci_device);
}

static void calls(const char *when)
{
	answer(when, "version", ioctl(a.box.container, VFIO_GET_API_VERSION));
	answer(when, "extension", ioctl(a.box.container, VFIO_CHECK_EXTENSION, VFIO_UPDATE_VADDR));
	answer(when, "info", info_of(a.box.container));
	info32(when, a.box.container);
	map_another(when, &a.box);
	if (what_is("late"))
		map_late(when, &a.box);
	if (a.box.device >= 0)
		answer(when, "device", device_info(a.box.device));
	if (a.box.group >= 0)
		of_group(when, &a.box);
	join(when, &a.box, a.group);
	answer(when, "invalidate", box_try_invalidate(&a.box));
}

static void calls_of_another(void)
{
	answer("other", "info", info_of(a.other.container));
	info32("other", a.other.container);
	map_another("other", &a.other);
	answer("other", "device", device_info(a.other.device));
	open_again("other", "open", a.other.group, a.other.uuid);
	join("other", &a.other, a.group);
}

/* ---- the actor --------------------------------------------------------------------------------- */

static void set_up(void)
{
	const char *pci = opt.pci;

	box_setup(&a.box);
	if (pci)
		pci_device_of(pci, a.pci_device, sizeof(a.pci_device));
	opt.pci = NULL; /* one container may have it */
	box_open(&a.other);
	box_open_device(&a.other);
	box_map(&a.other);
	a.group = open_mdev_group(&a.mdev);
	opt.pci = pci;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, a.pair))
		die("socketpair");
}

static void let_child_get_past(void)
{
	int go[2], status;
	pid_t pid;
	char byte;

	if (pipe(go))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		close(a.pair[0]);
		close(a.pair[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(3);
		_exit(get_past(&a.box, what_is("read-only")));
	}
	if (what_is("parked"))
		box_park(&a.box, a.pair[0]);
	say("past_tgid=%d", pid);
	if (write(go[1], "", 1) != 1 || waitpid(pid, &status, 0) != pid)
		die("the child");
	close(go[0]);
	close(go[1]);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		say("past=killed");
	else
		say("past=%s", !WIFEXITED(status) || WEXITSTATUS(status) > 2 ? "failed" : WEXITSTATUS(status) ? "no" : "yes");
	if (what_is("parked"))
		box_fetch(&a.box, a.pair[1]);
}

static long make_free(void)
{
	long ret;

	if (what_is("restore"))
		return box_try_revalidate(&a.box);
	if (!what_is("leave")) {
		box_unmap(&a.box);
		return 0;
	}
	/* an open device keeps its group there */
	close(a.box.device);
	a.box.device = -1;
	ret = ioctl(a.box.group, VFIO_GROUP_UNSET_CONTAINER);
	close(a.box.group);
	a.box.group = -1;
	return ret;
}

/* All of it works: a range in the place of the one that was unmapped, of which the mdev pins a page. */
static void use(const char *when)
{
	struct fdpin_cmd pin = { .op = FDPIN_OP_PIN, .iova = a.box.iova, .len = PAGE };

	answer(when, "remap", box_try_map(&a.box));
	answer(when, "pin", box_try_command(&a.box, &pin));
	box_unmap(&a.box);
}

/* To go on, or to leave, with which the state goes too. */
static void wait_for_word(const sigset_t *set)
{
	int sig;

	if (sigwait(set, &sig) || sig == SIGTERM)
		exit(0);
}

static void actor(void)
{
	char when[16];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	set_up();
	let_child_get_past();
	calls("now");
	calls_of_another();
	__atomic_store_n(&shared->undo, 1, __ATOMIC_RELEASE);
	ready();
	for (unsigned int i = 1; i <= opt.pins; i++) {
		wait_for_word(&set);
		snprintf(when, sizeof(when), "again%u", i);
		calls(when);
		say("%s=made", when);
	}
	wait_for_word(&set);
	answer("free", "call", make_free());
	calls("free");
	if (what_is("shared") || what_is("parked") || what_is("read-only") || what_is("late"))
		use("free");
	say("over=yes");
	wait_quit();
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	what_is("shared"); /* the first word is the default */
	return act_run(actor, REACH_READY);
}
