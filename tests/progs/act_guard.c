// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_guard - what the guard is about, call by call, with what each came to
 *
 * --what calls: a container with an mdev; invalidations of it in every form
 * (each that succeeds is taken back at once), calls that have nothing to do
 * with it, and a storm of ordinary maps and unmaps. Ends by itself. What joins
 * while something is invalid is act_refused.
 * --what open: an mdev is in a container with an invalid range, not opened yet
 * (only a kernel without the exclusion gets there); SIGUSR1 to the actor lets it
 * try to open it, then restore the range, then open it again.
 * --what join: an mdev, and with --pci a device, each into a container of its own;
 * the mdev also with an argument that is not there.
 * --what iommufd: an mdev into a container that is an iommufd.
 * --what race: with --pci: two threads at a time, --rounds times: one invalidates
 * a container, the other puts an mdev into it. Never may both succeed; where
 * nothing prevents it the second one sleeps for good.
 * --what flip: one thread makes ordinary unmaps of a range that is not there,
 * --rounds of them, another one turns the flag in their argument on and off.
 * --what memory: with --pci a container of a device, else one with an mdev; ranges
 * over every kind of memory, each invalidated, and restored where that went well;
 * at last the first one by a child. Ends by itself.
 * --what gone: with --pci: a child invalidates a range and ends; the actor keeps the
 * container, until SIGTERM.
 * --what moves: an mdev's group is open, and joins a container of its own and leaves
 * it with each SIGUSR1, --rounds times: join_1, join_2 and so on; until SIGTERM.
 * --what attack: a container with an mdev is invalidated again and again, until
 * SIGTERM; how often that was allowed, and refused. The first --rounds tries come
 * as fast as they can, the others in bursts.
 * --what storm: the same, --rounds times, and ends by itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

#define PAGE 4096
#define STORM 16
#define BURST 200 /* tries without a pause: a gap of microseconds is not slept through */

static void answer(const char *call, long ret)
{
	say("%s=%s", call, ret < 0 ? strerrorname_np(errno) : "done");
}

/* ---- one unmap, by whatever way ----------------------------------------------------------- */

static void unmap_of(const struct box *b, __u32 flags, struct vfio_iommu_type1_dma_unmap *ret)
{
	bool all = flags & VFIO_DMA_UNMAP_FLAG_ALL;

	memset(ret, 0, sizeof(*ret));
	ret->argsz = sizeof(*ret);
	ret->flags = flags;
	ret->iova = all ? 0 : b->iova;
	ret->size = all ? 0 : b->size;
}

/* What a call came to; it holds still while the oracle looks what it did to the container. */
static void tell(const char *call, const struct box *b, long ret)
{
	answer(call, ret);
	ask_oracle(call, b);
}

static void take_back(struct box *b, long ret)
{
	if (!ret && box_try_revalidate(b))
		die("restore");
}

static void native(struct box *b, const char *call, __u32 flags)
{
	struct vfio_iommu_type1_dma_unmap unmap;
	long ret;

	unmap_of(b, flags, &unmap);
	ret = ioctl(b->container, VFIO_IOMMU_UNMAP_DMA, &unmap);
	tell(call, b, ret);
	take_back(b, ret);
}

#ifdef __x86_64__
static void compat(struct box *b, const char *call, __u32 flags)
{
	struct vfio_iommu_type1_dma_unmap *unmap = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
							MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long ret;

	if (unmap == MAP_FAILED)
		die("mmap");
	unmap_of(b, flags, unmap);
	ret = ioctl32(b->container, VFIO_IOMMU_UNMAP_DMA, unmap);
	tell(call, b, ret);
	take_back(b, ret);
	munmap(unmap, PAGE);
}
#endif

/* A copy of an argument in a page that this process has not mapped at the moment, all of it or what goes beyond offset PAGE. Of two pages, from *ret_pages on. */
static void *absent(const void *arg, size_t size, size_t offset, char **ret_pages)
{
	int fd = memfd_create("argument", MFD_CLOEXEC);
	char *at;

	if (fd < 0 || ftruncate(fd, 2 * PAGE))
		die("memfd");
	at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		die("mmap");
	close(fd);
	memcpy(at + offset, arg, size);
	if (madvise(at + PAGE, PAGE, MADV_DONTNEED))
		die("madvise");
	*ret_pages = at;
	return at + offset;
}

static void nonresident(struct box *b, const char *call, __u32 flags, size_t offset)
{
	struct vfio_iommu_type1_dma_unmap unmap;
	char *pages;
	long ret;

	unmap_of(b, flags, &unmap);
	ret = ioctl(b->container, VFIO_IOMMU_UNMAP_DMA, absent(&unmap, sizeof(unmap), offset, &pages));
	tell(call, b, ret);
	take_back(b, ret);
	munmap(pages, 2 * PAGE);
}

static void bad_pointer(struct box *b, const char *call, unsigned long arg)
{
	tell(call, b, ioctl(b->container, VFIO_IOMMU_UNMAP_DMA, arg));
}

/* The same numbers mean nothing to files that are not VFIO's. */
static void elsewhere(struct box *b)
{
	struct vfio_iommu_type1_dma_unmap unmap;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC), pipes[2];

	if (fd < 0 || pipe(pipes))
		die("/dev/null, pipe");
	unmap_of(b, VFIO_DMA_UNMAP_FLAG_VADDR, &unmap);
	answer("elsewhere_null", ioctl(fd, VFIO_IOMMU_UNMAP_DMA, &unmap));
	answer("elsewhere_pipe", ioctl(pipes[0], VFIO_IOMMU_UNMAP_DMA, &unmap));
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}

/* As a virtual IOMMU does: pages come and go beside a range that stays. */
static void storm(struct box *b)
{
	struct vfio_iommu_type1_dma_map map = { .argsz = sizeof(map), .flags = 3, .size = PAGE };
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .size = PAGE };
	unsigned int failed = 0;

	for (unsigned int i = 0; i < opt.rounds * STORM; i++) {
		map.vaddr = (__u64)(unsigned long)b->mem + i % STORM * PAGE;
		map.iova = unmap.iova = b->iova + b->size + i % STORM * 2 * PAGE;
		unmap.size = PAGE;
		failed += ioctl(b->container, VFIO_IOMMU_MAP_DMA, &map) != 0;
		failed += ioctl(b->container, VFIO_IOMMU_UNMAP_DMA, &unmap) != 0;
	}
	say("storm_calls=%u", 2 * opt.rounds * STORM);
	say("storm_failed=%u", failed);
}

static void calls(void)
{
	struct box b = { 0 };

	box_setup(&b);
	native(&b, "invalidate", VFIO_DMA_UNMAP_FLAG_VADDR);
	native(&b, "invalidate_all", VFIO_DMA_UNMAP_FLAG_VADDR | VFIO_DMA_UNMAP_FLAG_ALL);
#ifdef __x86_64__
	compat(&b, "invalidate_compat", VFIO_DMA_UNMAP_FLAG_VADDR);
#endif
	nonresident(&b, "invalidate_nonresident", VFIO_DMA_UNMAP_FLAG_VADDR, PAGE);
	nonresident(&b, "invalidate_straddle", VFIO_DMA_UNMAP_FLAG_VADDR, PAGE - 8);
	bad_pointer(&b, "bad_null", 0);
	bad_pointer(&b, "bad_kernel", 0xffffffff81000000UL);
	bad_pointer(&b, "bad_noncanonical", 0x00f0000000000000UL);
	elsewhere(&b);
	storm(&b);
	answer("unmap", (box_unmap(&b), 0));
}

/* ---- an mdev that joins ---------------------------------------------------------------------- */

static long open_device(struct box *b)
{
	b->device = ioctl(b->group, VFIO_GROUP_GET_DEVICE_FD, b->uuid);
	return b->device;
}

static void wait_for_word(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ready();
	sigwait(&set, &sig);
}

static void open_while_invalid(void)
{
	struct box b = { 0 };

	box_open(&b);
	box_map(&b);
	box_say(&b, "");
	box_invalidate(&b);
	wait_for_word();
	answer("open", open_device(&b));
	if (b.device >= 0)
		close(b.device);
	box_revalidate(&b);
	answer("open_valid", open_device(&b));
	say("over=yes");
	wait_quit();
}

static void join(const char *call, int group, bool resident)
{
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	char *pages = NULL;
	long ret;

	if (container < 0)
		die("/dev/vfio/vfio");
	ret = ioctl(group, VFIO_GROUP_SET_CONTAINER, resident ? &container : absent(&container, sizeof(container), PAGE, &pages));
	answer(call, ret);
	if (!ret && ioctl(group, VFIO_GROUP_UNSET_CONTAINER))
		die("VFIO_GROUP_UNSET_CONTAINER");
	close(container);
	if (pages)
		munmap(pages, 2 * PAGE);
}

static void joins(void)
{
	struct box b = { 0 };
	int pci, mdev = open_mdev_group(&b);

	say("tgid=%d", getpid());
	join("join_mdev", mdev, true);
	join("join_nonresident", mdev, false);
	if (!opt.pci)
		return;
	pci = open(opt.pci, O_RDWR | O_CLOEXEC);
	if (pci < 0)
		die("%s", opt.pci);
	join("join_pci", pci, true);
}

static void join_when_told(void)
{
	struct box b = { 0 };
	int mdev = open_mdev_group(&b), sig;
	sigset_t set;
	char call[32];

	say("tgid=%d", getpid());
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ready();
	for (unsigned int i = 1; i <= opt.rounds && !sigwait(&set, &sig); i++) {
		snprintf(call, sizeof(call), "join_%u", i);
		join(call, mdev, true);
	}
	wait_quit();
}

static void into_iommufd(void)
{
	struct box b = { 0 };
	int iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	if (iommufd < 0)
		die("/dev/iommu");
	say("tgid=%d", getpid());
	b.group = open_mdev_group(&b);
	answer("join_iommufd", ioctl(b.group, VFIO_GROUP_SET_CONTAINER, &iommufd));
	answer("open_iommufd", open_device(&b));
}

/* ---- both at once -------------------------------------------------------------------------------- */

static struct {
	struct box box;
	int mdev;
	pthread_barrier_t barrier;
	int invalidated, joined; /* errno, 0: it did */
} race;

static void *race_join(void *arg)
{
	(void)arg;
	for (unsigned int i = 0; i < opt.rounds; i++) {
		pthread_barrier_wait(&race.barrier);
		race.joined = ioctl(race.mdev, VFIO_GROUP_SET_CONTAINER, &race.box.container) ? errno : 0;
		pthread_barrier_wait(&race.barrier);
	}
	return NULL;
}

static void both_at_once(void)
{
	unsigned int both = 0, invalidated = 0, joined = 0, neither = 0, other = 0;
	struct box mdev = { 0 };
	pthread_t thread;

	box_open_pci(&race.box);
	box_map(&race.box);
	race.mdev = open_mdev_group(&mdev);
	say("tgid=%d", getpid());
	pthread_barrier_init(&race.barrier, NULL, 2);
	if (pthread_create(&thread, NULL, race_join, NULL))
		die("thread");
	for (unsigned int i = 0; i < opt.rounds; i++) {
		pthread_barrier_wait(&race.barrier);
		race.invalidated = box_try_invalidate(&race.box) ? errno : 0;
		pthread_barrier_wait(&race.barrier);
		ask_oracle("race", &race.box);
		other += (race.invalidated && race.invalidated != EBUSY) || (race.joined && race.joined != EBUSY);
		both += !race.invalidated && !race.joined;
		invalidated += !race.invalidated;
		joined += !race.joined;
		neither += race.invalidated && race.joined;
		if (!race.invalidated && box_try_revalidate(&race.box))
			die("restore");
		if (!race.joined && ioctl(race.mdev, VFIO_GROUP_UNSET_CONTAINER))
			die("VFIO_GROUP_UNSET_CONTAINER");
	}
	pthread_join(thread, NULL);
	say("race_rounds=%u", opt.rounds);
	say("race_both=%u", both);
	say("race_invalidated=%u", invalidated);
	say("race_joined=%u", joined);
	say("race_neither=%u", neither);
	say("race_other=%u", other);
}

/* ---- an argument that changes ---------------------------------------------------------------------- */

static struct vfio_iommu_type1_dma_unmap *flipped;

static void *flip(void *arg)
{
	(void)arg;
	for (;;)
		__atomic_xor_fetch(&flipped->flags, VFIO_DMA_UNMAP_FLAG_VADDR, __ATOMIC_RELAXED);
	return NULL;
}

/* Without the flag it takes the range away, with it the guard is asked: what comes back tells which it was. */
static void argument_that_changes(void)
{
	unsigned int denied = 0, unmapped = 0;
	struct box b = { 0 };
	pthread_t thread;

	box_setup(&b);
	ask_oracle("flip", &b);
	flipped = calloc(1, sizeof(*flipped));
	if (!flipped || pthread_create(&thread, NULL, flip, NULL))
		die("thread");
	for (unsigned int i = 0; i < opt.rounds; i++) {
		__u32 flags = flipped->flags;

		unmap_of(&b, flags, flipped);
		if (ioctl(b.container, VFIO_IOMMU_UNMAP_DMA, flipped)) {
			denied++;
			continue;
		}
		unmapped++;
		/* was the range taken away, or made invalid? Whichever it was is undone */
		if (box_try_revalidate(&b) && box_try_map(&b))
			die("neither restored nor mapped again");
		if (i % 256 == 255)
			say("flip_rounds=%u", i + 1);
	}
	say("flip_denied=%u", denied);
	say("flip_unmapped=%u", unmapped);
}

/* ---- what is behind the memory ---------------------------------------------------------------------- */

#define LENGTH (4 * PAGE)

/* A range of its own in the container of b. */
static struct box range_over(const struct box *b, unsigned int nth, void *mem)
{
	struct box r = *b;

	if (mem == MAP_FAILED)
		die("mmap");
	r.mem = mem;
	r.size = LENGTH;
	r.iova = b->iova + nth * 0x1000000;
	if (box_try_map(&r))
		die("VFIO_IOMMU_MAP_DMA of range %u", nth);
	return r;
}

static void *some(int flags, int fd)
{
	return mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, flags, fd, 0);
}

/* All of the container, whose ranges these are. */
static void everything(struct box *ranges, unsigned int n, const char *call)
{
	struct vfio_iommu_type1_dma_unmap unmap;
	long ret;

	unmap_of(ranges, VFIO_DMA_UNMAP_FLAG_VADDR | VFIO_DMA_UNMAP_FLAG_ALL, &unmap);
	ret = ioctl(ranges[0].container, VFIO_IOMMU_UNMAP_DMA, &unmap);
	answer(call, ret);
	for (unsigned int i = 0; i < n; i++)
		take_back(&ranges[i], ret);
}

static void by_a_child(struct box *r, const char *call)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		say("child_tgid=%d", getpid());
		native(r, call, VFIO_DMA_UNMAP_FLAG_VADDR);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		die("the child");
}

static void of_what_memory(void)
{
	struct box b = { 0 }, r[6];
	void *half;
	int fd;

	if (opt.pci) {
		box_open_pci(&b);
		box_say(&b, "");
	} else {
		box_open(&b);
		box_open_device(&b);
		box_say(&b, "");
	}
	fd = memfd_create("memory", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, LENGTH))
		die("memfd");
	r[0] = range_over(&b, 0, some(MAP_SHARED, fd));
	native(&r[0], "memory_memfd", VFIO_DMA_UNMAP_FLAG_VADDR);
	r[1] = range_over(&b, 1, some(MAP_SHARED | MAP_ANONYMOUS, -1));
	native(&r[1], "memory_shared", VFIO_DMA_UNMAP_FLAG_VADDR);
	everything(r, 2, "memory_all_backed");
	nonresident(&r[0], "memory_unread_backed", VFIO_DMA_UNMAP_FLAG_VADDR, PAGE);
	r[2] = range_over(&b, 2, some(MAP_PRIVATE | MAP_ANONYMOUS, -1));
	native(&r[2], "memory_anonymous", VFIO_DMA_UNMAP_FLAG_VADDR);
#ifdef __x86_64__
	compat(&r[2], "memory_compat", VFIO_DMA_UNMAP_FLAG_VADDR);
#endif
	r[3] = range_over(&b, 3, some(MAP_PRIVATE, fd));
	native(&r[3], "memory_private", VFIO_DMA_UNMAP_FLAG_VADDR);
	half = some(MAP_SHARED, fd);
	if (half == MAP_FAILED || mmap((char *)half + LENGTH - PAGE, PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		die("mmap");
	r[4] = range_over(&b, 4, half);
	native(&r[4], "memory_half", VFIO_DMA_UNMAP_FLAG_VADDR);
	r[5] = range_over(&b, 5, some(MAP_SHARED, fd));
	munmap(r[5].mem, LENGTH);
	native(&r[5], "memory_gone", VFIO_DMA_UNMAP_FLAG_VADDR);
	everything(r, 5, "memory_all");
	nonresident(&r[0], "memory_unread", VFIO_DMA_UNMAP_FLAG_VADDR, PAGE);
	native(&r[1], "memory_again", VFIO_DMA_UNMAP_FLAG_VADDR);
	/* no range of ours, half of one, a flag that there is not: the driver's business */
	b.size = PAGE;
	native(&b, "memory_part", VFIO_DMA_UNMAP_FLAG_VADDR);
	r[2].size = 0;
	native(&r[2], "memory_nothing", VFIO_DMA_UNMAP_FLAG_VADDR);
	r[2].size = LENGTH;
	native(&r[2], "memory_flags", VFIO_DMA_UNMAP_FLAG_VADDR | 0x100);
	answer("memory_unmap", (box_unmap(&r[2]), 0));
	by_a_child(&r[0], "memory_of_another");
}

/* ---- who opened it is gone ------------------------------------------------------------------------- */

static void opened_by_a_child(void)
{
	struct box b = { 0 };
	int status;
	pid_t pid;

	box_open_pci(&b);
	box_say(&b, "");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		box_map(&b);
		box_invalidate(&b);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		die("the child");
	ready();
	wait_quit();
}

/* ---- again and again ----------------------------------------------------------------------- */

struct tries {
	unsigned int allowed, denied;
};

static void try_once(struct box *b, struct tries *t)
{
	if (box_try_invalidate(b)) {
		t->denied++;
		return;
	}
	t->allowed++;
	if (box_try_revalidate(b))
		die("restore");
}

static void say_tries(const struct tries *t)
{
	say("attack_allowed=%u", t->allowed);
	say("attack_refused=%u", t->denied);
}

static void attack(void)
{
	struct tries t = { 0 };
	struct box b = { 0 };

	box_setup(&b);
	ready();
	while (!__atomic_load_n(&shared->quit, __ATOMIC_ACQUIRE)) {
		try_once(&b, &t);
		if (t.allowed + t.denied >= opt.rounds && (t.allowed + t.denied) % BURST == 0)
			pause_ms(2);
	}
	say_tries(&t);
}

static void storm_of_tries(void)
{
	struct tries t = { 0 };
	struct box b = { 0 };

	box_setup(&b);
	for (unsigned int i = 0; i < opt.rounds; i++)
		try_once(&b, &t);
	ask_oracle("storm", &b);
	say_tries(&t);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	if (what_is("attack"))
		return act_run(attack, REACH_READY);
	if (what_is("storm"))
		return act_run(storm_of_tries, REACH_END);
	if (what_is("calls"))
		return act_run(calls, REACH_END);
	if (what_is("memory"))
		return act_run(of_what_memory, REACH_END);
	if (what_is("gone"))
		return act_run(opened_by_a_child, REACH_READY);
	if (what_is("open"))
		return act_run(open_while_invalid, REACH_READY);
	if (what_is("join"))
		return act_run(joins, REACH_END);
	if (what_is("moves"))
		return act_run(join_when_told, REACH_READY);
	if (what_is("iommufd"))
		return act_run(into_iommufd, REACH_END);
	if (what_is("flip"))
		return act_run(argument_that_changes, REACH_END);
	if (what_is("race"))
		return act_run(both_at_once, REACH_END);
	errno = EINVAL;
	die("--what %s", opt.what);
}
