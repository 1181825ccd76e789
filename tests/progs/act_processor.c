// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_processor - two calls on one processor, one of which stops the other
 *
 * --what asleep: with --pci: a thread sleeps in an unmap whose argument nobody has
 * written yet, in a container without an mdev. On the same processor another one
 * invalidates a range beside an mdev (beside), and lets an mdev join the first
 * container (join). Then the argument comes, and the join is tried again (join_later).
 * --what pair: two threads that are scheduled first in, first out, one of them before the
 * other, on one processor. Each invalidates a range beside an mdev, --rounds times, in a container of its
 * own; the one that comes first waits a moment before each call, and so interrupts the other.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "act.h"

static void on_first_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

/* ---- one that sleeps -------------------------------------------------------------------------- */

static struct {
	struct box box;
	struct late_page page;
	long ret;
	bool over;
} s;

static void *sleep_in_unmap(void *arg)
{
	(void)arg;
	on_first_processor();
	s.ret = ioctl(s.box.container, VFIO_IOMMU_UNMAP_DMA, s.page.at);
	__atomic_store_n(&s.over, true, __ATOMIC_RELEASE);
	return NULL;
}

static void join(const char *call, int group)
{
	long ret = group_set(group, s.box.container);

	say_result(call, ret);
	if (!ret && group_unset(group))
		die("VFIO_GROUP_UNSET_CONTAINER");
}

static void asleep(void)
{
	struct vfio_iommu_type1_dma_unmap nothing = { .argsz = sizeof(nothing), .iova = 0x40000000, .size = 4096 };
	struct box beside = { 0 }, m = { 0 };
	const char *pci = opt.pci;
	pthread_t thread;
	int mdev;

	box_open_pci(&s.box);
	box_map(&s.box);
	opt.pci = NULL;
	box_setup(&beside);
	opt.pci = pci;
	mdev = open_mdev_group(&m);
	late_page(&s.page);
	errno = pthread_create(&thread, NULL, sleep_in_unmap, NULL);
	if (errno)
		die("thread");
	on_first_processor();
	say("asleep=%s", late_page_asked_for(&s.page, &s.over) ? "yes" : "no");
	say_result("beside", box_try_invalidate(&beside));
	say("beside_state=%s", range_state(&beside));
	join("join", mdev);
	say("still_asleep=%s", __atomic_load_n(&s.over, __ATOMIC_ACQUIRE) ? "no" : "yes");
	late_page_supply(&s.page, &nothing, sizeof(nothing));
	pthread_join(thread, NULL);
	say("woken=%s", s.ret ? "failed" : "done");
	join("join_later", mdev);
}

/* ---- a pair ----------------------------------------------------------------------------------- */

static struct half {
	struct box box;
	int priority;
	unsigned int refused, allowed, other;
} halves[2] = { { .priority = 10 }, { .priority = 20 } };

static pthread_barrier_t barrier;

static void scheduled_as(int priority)
{
	struct sched_param param = { .sched_priority = priority };

	on_first_processor();
	errno = pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);
	if (errno)
		die("SCHED_FIFO");
}

static void invalidate_once(struct half *h)
{
	if (!box_try_invalidate(&h->box)) {
		h->allowed++;
		box_revalidate(&h->box);
	} else if (errno == EBUSY) {
		h->refused++;
	} else {
		h->other++;
	}
}

static void *invalidate_often(void *arg)
{
	struct timespec moment = { .tv_nsec = 50000 };
	struct half *h = arg;

	scheduled_as(h->priority);
	pthread_barrier_wait(&barrier);
	for (unsigned int i = 0; i < opt.rounds; i++) {
		if (h == &halves[1])
			nanosleep(&moment, NULL);
		/* more refusals than can be told are of no use */
		else if (!(i % 8))
			pause_ms(2);
		invalidate_once(h);
	}
	return NULL;
}

static void pair(void)
{
	pthread_t threads[2];

	box_setup(&halves[0].box);
	box_setup(&halves[1].box);
	pthread_barrier_init(&barrier, NULL, 2);
	for (int i = 0; i < 2; i++) {
		errno = pthread_create(&threads[i], NULL, invalidate_often, &halves[i]);
		if (errno)
			die("thread");
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	say("pair_calls=%u", 2 * opt.rounds);
	say("pair_refused=%u", halves[0].refused + halves[1].refused);
	say("pair_allowed=%u", halves[0].allowed + halves[1].allowed);
	say("pair_other=%u", halves[0].other + halves[1].other);
	say("pair_states=%s %s", range_state(&halves[0].box), range_state(&halves[1].box));
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	if (what_is("asleep"))
		return act_run(asleep, REACH_END);
	if (what_is("pair"))
		return act_run(pair, REACH_END);
	errno = EINVAL;
	die("--what %s", opt.what);
}
