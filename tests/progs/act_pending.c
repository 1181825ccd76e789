// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_pending - a device is being opened while its group goes elsewhere
 *
 * --pci GROUP is needed. A thread opens the mdev by a name that nobody has written
 * yet: it sleeps in the driver. Meanwhile the mdev's group is taken out of its
 * container, a range there is made invalid, and the group is put back (join). If
 * that is refused, and --rounds is not 0, it gets in there by a number that
 * another thread changes, in so many tries (swapped). Then the name is written (open).
 * What became of the range, which is restored by that, is open_state. When it is
 * valid again, the group joins if it is outside, and the device is opened (later).
 *
 * That is --what moved. --what paused: nothing is done meanwhile; SIGUSR1 to the actor has the name written.
 * Stays until SIGTERM.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "act.h"

static struct pending {
	struct box box;
	struct late_page name;
	pthread_t thread;
	long ret;
	int error;
	bool over;
} p;

static void *open_by_late_name(void *arg)
{
	(void)arg;
	p.ret = ioctl(p.box.group, VFIO_GROUP_GET_DEVICE_FD, p.name.at);
	p.error = errno;
	__atomic_store_n(&p.over, true, __ATOMIC_RELEASE);
	return NULL;
}

static long open_device(void)
{
	return ioctl(p.box.group, VFIO_GROUP_GET_DEVICE_FD, p.box.uuid);
}

/* ---- a number that changes ------------------------------------------------------------------- */

static struct {
	int number, good, bad;
	bool stop;
} swap;

static void *swap_numbers(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&swap.stop, __ATOMIC_ACQUIRE))
		__atomic_xor_fetch(&swap.number, swap.good ^ swap.bad, __ATOMIC_RELAXED);
	return NULL;
}

/* Where there is no driver no device is opened: which of the containers is it in? One that is opened so is closed again. */
static bool in_bad_one(void)
{
	long fd = open_device();

	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno != EINVAL;
}

static bool swapped(void)
{
	unsigned int refused = 0;
	bool there = false;
	pthread_t thread;

	swap.good = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	swap.number = swap.bad = p.box.container;
	if (swap.good < 0 || pthread_create(&thread, NULL, swap_numbers, NULL))
		die("the number that changes");
	for (unsigned int i = 0; i < opt.rounds && !there; i++) {
		if (ioctl(p.box.group, VFIO_GROUP_SET_CONTAINER, &swap.number)) {
			/* more refusals than can be told are of no use */
			if (!(++refused % 8))
				pause_ms(2);
			continue;
		}
		there = in_bad_one();
		if (!there && group_unset(p.box.group))
			die("VFIO_GROUP_UNSET_CONTAINER");
	}
	__atomic_store_n(&swap.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	close(swap.good);
	return there;
}

/* ---- the act ---------------------------------------------------------------------------------- */

static void begin_to_open(void)
{
	late_page(&p.name);
	errno = pthread_create(&p.thread, NULL, open_by_late_name, NULL);
	if (errno)
		die("thread");
	if (!late_page_asked_for(&p.name, &p.over)) {
		errno = p.error;
		die("it did not wait for the name");
	}
}

static void supply_name(void)
{
	late_page_supply(&p.name, p.box.uuid, sizeof(p.box.uuid));
	pthread_join(p.thread, NULL);
	errno = p.error;
	say_result("open", p.ret);
}

static void paused(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	box_open(&p.box);
	box_say(&p.box, "");
	begin_to_open();
	__atomic_store_n(&shared->undo, 1, __ATOMIC_RELEASE);
	ready();
	sigwait(&set, &sig);
	supply_name();
	say("over=yes");
	wait_quit();
}

static void actor(void)
{
	bool inside;
	long ret;

	box_open(&p.box);
	box_map(&p.box);
	box_say(&p.box, "");
	begin_to_open();
	say_result("leave", group_unset(p.box.group));
	say_result("invalidate", box_try_invalidate(&p.box));
	ret = group_set(p.box.group, p.box.container);
	say_result("join", ret);
	inside = !ret;
	if (!inside && opt.rounds) {
		inside = swapped();
		say("swapped=%s", inside ? "yes" : "no");
	}
	say("still_pending=%s", __atomic_load_n(&p.over, __ATOMIC_ACQUIRE) ? "no" : "yes");
	supply_name();
	say("open_state=%s", range_state(&p.box));
	if (p.ret >= 0)
		close(p.ret);
	if (!inside)
		say_result("join_later", group_set(p.box.group, p.box.container));
	ret = open_device();
	say_result("later", ret);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	what_is("moved");
	return what_is("paused") ? act_run(paused, REACH_READY) : act_run(actor, REACH_END);
}
