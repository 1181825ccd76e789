// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_races - races with the guard, and what it has no room or no time for
 *
 * --what sides: with --pci: of one container threads invalidate a range each, others let an mdev
 * join and open it. First --rounds times from one barrier, with two to eight of them by
 * turns; then each of the eight as fast as it can, as often. What succeeds is undone. How often
 * both sides had it at once, and for how long neither had anything; at last one side after
 * the other. Ends by itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "act.h"

/* ---- both at once ----------------------------------------------------------------------------- */

#define SIDE 4 /* threads on each side */
#define NOT_ASKED -1

enum side { VADDR, JOIN };

static const unsigned int mixes[][2] = { { 1, 1 }, { 1, 1 }, { 2, 2 }, { 1, SIDE }, { SIDE, 1 }, { SIDE, SIDE } };

static struct racer {
	struct box box; /* a range in the container of all, or an mdev's group */
	enum side side;
	unsigned int nth, seed;
	int error; /* of this round; 0: it did */
} racers[2 * SIDE];

static struct tally {
	unsigned int tries, both, done[2], neither, refused, other, unopened;
	__u64 last, stuck; /* ns: when one of them last had something, and the longest time without */
} tally;

static pthread_barrier_t barrier;
static int having[2]; /* how many of each side have it now */

static void progress(struct tally *t)
{
	__u64 now = now_ns(), last = __atomic_exchange_n(&t->last, now, __ATOMIC_SEQ_CST), stuck = __atomic_load_n(&t->stuck, __ATOMIC_SEQ_CST);

	while (now > last && now - last > stuck)
		if (__atomic_compare_exchange_n(&t->stuck, &stuck, now - last, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			break;
}

static void add(unsigned int *n, bool one)
{
	__atomic_fetch_add(n, one, __ATOMIC_RELAXED);
}

static int try_side(struct racer *r, int container)
{
	if (r->side == VADDR)
		return box_try_invalidate(&r->box) ? errno : 0;
	if (group_set(r->box.group, container))
		return errno;
	r->box.device = ioctl(r->box.group, VFIO_GROUP_GET_DEVICE_FD, r->box.uuid);
	add(&tally.unopened, r->box.device < 0);
	return 0;
}

static void undo_side(struct racer *r)
{
	if (r->side == VADDR) {
		box_revalidate(&r->box);
		return;
	}
	if (r->box.device >= 0)
		close(r->box.device);
	if (group_unset(r->box.group))
		die("VFIO_GROUP_UNSET_CONTAINER");
}

static const unsigned int *mix_of(unsigned int round)
{
	return mixes[round % (sizeof(mixes) / sizeof(*mixes))];
}

/* Some microseconds, other ones each time: who is first is to differ. */
static void linger(struct racer *r)
{
	r->seed = r->seed * 1103515245 + 12345;
	for (unsigned int i = (r->seed >> 16) % 2000; i; i--)
		__asm__ volatile("" : : : "memory");
}

/* So that each side finds the other one at it, and nobody at it, too. */
static void rest(struct racer *r)
{
	usleep((r->seed >> 8) % 1000);
	r->seed = r->seed * 1103515245 + 12345;
}

static void *race_in_rounds(void *arg)
{
	struct racer *r = arg;

	for (unsigned int i = 0; i < opt.rounds; i++) {
		pthread_barrier_wait(&barrier);
		r->error = NOT_ASKED;
		if (r->nth < mix_of(i)[r->side]) {
			linger(r);
			r->error = try_side(r, racers[0].box.container);
		}
		pthread_barrier_wait(&barrier);
		if (!r->error)
			undo_side(r);
	}
	return NULL;
}

static void judge_round(void)
{
	unsigned int done[2] = { 0 };

	for (int i = 0; i < 2 * SIDE; i++) {
		done[racers[i].side] += !racers[i].error;
		tally.tries += racers[i].error != NOT_ASKED;
		tally.refused += racers[i].error == EBUSY;
		tally.other += racers[i].error && racers[i].error != NOT_ASKED && racers[i].error != EBUSY;
	}
	tally.both += done[VADDR] && done[JOIN];
	tally.done[VADDR] += done[VADDR];
	tally.done[JOIN] += done[JOIN];
	if (done[VADDR] || done[JOIN])
		progress(&tally);
	else
		tally.neither++;
}

static void *race_freely(void *arg)
{
	struct racer *r = arg;

	pthread_barrier_wait(&barrier);
	for (unsigned int i = 0; i < opt.rounds; i++) {
		int error = try_side(r, racers[0].box.container);

		add(&tally.tries, true);
		add(&tally.other, error && error != EBUSY);
		add(&tally.refused, error == EBUSY);
		if (error) {
			rest(r);
			continue;
		}
		progress(&tally);
		add(&tally.done[r->side], true);
		__atomic_fetch_add(&having[r->side], 1, __ATOMIC_SEQ_CST);
		add(&tally.both, __atomic_load_n(&having[!r->side], __ATOMIC_SEQ_CST));
		rest(r);
		__atomic_fetch_sub(&having[r->side], 1, __ATOMIC_SEQ_CST);
		undo_side(r);
		rest(r);
	}
	return NULL;
}

static void say_error(const char *call, int error)
{
	errno = error;
	say_result(call, error ? -1 : 0);
}

static void say_tally(const char *how)
{
	progress(&tally);
	say("%s_tries=%u", how, tally.tries);
	say("%s_both=%u", how, tally.both);
	say("%s_invalidated=%u", how, tally.done[VADDR]);
	say("%s_joined=%u", how, tally.done[JOIN]);
	say("%s_neither=%u", how, tally.neither);
	say("%s_refused=%u", how, tally.refused);
	say("%s_other=%u", how, tally.other);
	say("%s_unopened=%u", how, tally.unopened);
	say("%s_stuck_ms=%llu", how, (unsigned long long)tally.stuck / 1000000);
}

/* With main, who judges each round. */
static void race(const char *how, void *(*body)(void *), unsigned int rounds)
{
	pthread_t threads[2 * SIDE];

	tally = (struct tally){ .last = now_ns() };
	pthread_barrier_init(&barrier, NULL, 2 * SIDE + 1);
	for (int i = 0; i < 2 * SIDE; i++) {
		errno = pthread_create(&threads[i], NULL, body, &racers[i]);
		if (errno)
			die("thread");
	}
	for (unsigned int i = 0; i < rounds; i++) {
		pthread_barrier_wait(&barrier);
		if (body == race_freely)
			break;
		pthread_barrier_wait(&barrier);
		judge_round();
	}
	for (int i = 0; i < 2 * SIDE; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	say_tally(how);
}

/* Who is on which side; the first one has the container. */
static void set_up_racers(void)
{
	for (unsigned int i = 0; i < 2 * SIDE; i++) {
		struct racer *r = &racers[i];

		r->side = i < SIDE ? VADDR : JOIN;
		r->nth = i % SIDE;
		r->seed = opt.seed + i;
		if (r->side == JOIN) {
			r->box.group = open_mdev_group(&r->box);
			continue;
		}
		if (i)
			r->box = racers[0].box;
		else
			box_open_pci(&r->box);
		r->box.iova += i * r->box.size;
		box_map(&r->box);
	}
}

static void sides(void)
{
	struct racer *v = &racers[0], *j = &racers[SIDE];

	set_up_racers();
	say("tgid=%d", getpid());
	race("rounds", race_in_rounds, opt.rounds);
	race("free", race_freely, opt.rounds);
	for (int i = 0; i < 2; i++) {
		v->error = try_side(v, v->box.container);
		say_error("after_invalidate", v->error);
		if (!v->error)
			undo_side(v);
		j->error = try_side(j, v->box.container);
		say_error("after_join", j->error);
		if (!j->error)
			undo_side(j);
	}
	say("after_unopened=%u", tally.unopened);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	if (what_is("sides"))
		return act_run(sides, REACH_END);
	errno = EINVAL;
	die("--what %s", opt.what);
}
