// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_races - races with the guard, and what it has no room or no time for
 *
 * --what sides: with --pci: of one container threads invalidate a range each, others let an mdev
 * join and open it. First --rounds times from one barrier, with two to eight of them by
 * turns; then each of the eight as fast as it can, as often. What succeeds is undone. How often
 * both sides had it at once, and for how long neither had anything; at last one side after
 * the other. Ends by itself.
 * --what refused: with --pci, --other, beside `refuse`: --rounds threads invalidate a container, one lets
 * an mdev join another one, one opens an mdev; the guard has nothing against it, and
 * they are refused for it by another LSM. What others can do then (held_…), and after
 * SIGUSR1 to the actor, when they can do it (…_ms). Until SIGTERM.
 * --what flippers: one child after the other changes an argument under its calls until it
 * gets past, --rounds calls each at most; --pins of them. For each that does: its process,
 * and when its last call began, and when it was gone. Ends by itself.
 * --what noise: --rounds times calls that have VFIO's numbers and nothing to do with it. Ends by itself.
 * --what opening: with --pci: --rounds threads of a process sleep in the opening of an mdev, for its
 * name; what others can do then (held_…), and when it was killed. Ends by itself.
 * --what room: with --pci, --other: --rounds threads of a process sleep in an unmap of another container.
 * A child's does too, in a container without an mdev; the process is killed, an mdev
 * joins, and the argument of the child's call comes: it makes a range invalid. Ends by itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
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

/* ---- another LSM refuses what the guard has let through -------------------------------------- */

struct call {
	int fd;
	unsigned long cmd;
	void *arg;
	int error;
};

static void *call_as_refused(void *arg)
{
	struct call *c = arg;

	prctl(PR_SET_NAME, "refused");
	c->error = ioctl(c->fd, c->cmd, c->arg) < 0 ? errno : 0;
	return NULL;
}

static int refused_call(int fd, unsigned long cmd, void *arg)
{
	struct call c = { .fd = fd, .cmd = cmd, .arg = arg };
	pthread_t thread;

	errno = pthread_create(&thread, NULL, call_as_refused, &c);
	if (errno)
		die("thread");
	pthread_join(thread, NULL);
	return c.error;
}

/* Each undoes what it did. */
static int join_error(int group, int container)
{
	if (group_set(group, container))
		return errno;
	if (group_unset(group))
		die("VFIO_GROUP_UNSET_CONTAINER");
	return 0;
}

static int invalidate_error(struct box *b)
{
	if (box_try_invalidate(b))
		return errno;
	box_revalidate(b);
	return 0;
}

static int open_error(const struct box *b)
{
	int fd = ioctl(b->group, VFIO_GROUP_GET_DEVICE_FD, b->uuid);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* To go on, or to leave. */
static void wait_for_word(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	if (sigwait(&set, &sig) || sig == SIGTERM)
		exit(0);
}

static void block_word(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

struct places {
	struct box pci, other, mdev; /* in a container each, and mapped */
	struct box joiner, joiner_of_other, joiner_of_mdev;
};

static void set_up_places(struct places *p)
{
	const char *pci = opt.pci;

	box_open_pci(&p->pci);
	box_map(&p->pci);
	opt.pci = opt.other;
	if (opt.other) {
		box_open_pci(&p->other);
		box_map(&p->other);
	}
	opt.pci = NULL;
	box_open(&p->mdev);
	box_map(&p->mdev);
	opt.pci = pci;
	p->joiner.group = open_mdev_group(&p->joiner);
	p->joiner_of_other.group = open_mdev_group(&p->joiner_of_other);
	p->joiner_of_mdev.group = open_mdev_group(&p->joiner_of_mdev);
	say("tgid=%d", getpid());
}

/* As soon as it can be done. */
static void say_when(const char *call, int (*try)(struct places *), struct places *p, __u64 since)
{
	__u64 end = since + opt.timeout * 1000000000ULL;
	int error;

	while ((error = try(p)) && now_ns() < end)
		pause_ms(10);
	say_error(call, error);
	say("%s_ms=%llu", call, (unsigned long long)(now_ns() - since) / 1000000);
}

static int try_join(struct places *p)
{
	return join_error(p->joiner.group, p->pci.container);
}

static int try_invalidate_other(struct places *p)
{
	return invalidate_error(&p->other);
}

static void say_held(struct places *p)
{
	say_error("held_join", try_join(p));
	say_error("held_invalidate", try_invalidate_other(p));
	say_error("held_open", open_error(&p->mdev));
	/* nobody has begun anything there; a side that is under way does not stop its like */
	say_error("held_join_of_mdev", join_error(p->joiner_of_mdev.group, p->mdev.container));
	say_error("held_invalidate_alike", invalidate_error(&p->pci));
	say_error("held_invalidate_beside", invalidate_error(&p->mdev));
	box_unmap(&p->mdev);
	say_error("held_map", box_try_map(&p->mdev) ? errno : 0);
}

static void refused_by_another(void)
{
	struct places p = { 0 };
	struct vfio_iommu_type1_dma_unmap unmap;
	unsigned int others = 0;
	__u64 since;

	block_word();
	set_up_places(&p);
	unmap = (struct vfio_iommu_type1_dma_unmap){
		.argsz = sizeof(unmap),
		.flags = VFIO_DMA_UNMAP_FLAG_VADDR,
		.iova = p.pci.iova,
		.size = p.pci.size,
	};
	say_error("refused_join", refused_call(p.joiner_of_other.group, VFIO_GROUP_SET_CONTAINER, &p.other.container));
	say_error("refused_open", refused_call(p.mdev.group, VFIO_GROUP_GET_DEVICE_FD, p.mdev.uuid));
	for (unsigned int i = 0; i < opt.rounds; i++)
		others += refused_call(p.pci.container, VFIO_IOMMU_UNMAP_DMA, &unmap) != EPERM;
	say("refused_others=%u", others);
	say_held(&p);
	__atomic_store_n(&shared->undo, 1, __ATOMIC_RELEASE);
	ready();
	wait_for_word();
	since = now_ns();
	say_when("join", try_join, &p, since);
	say_when("invalidate", try_invalidate_other, &p, since);
	say_error("open", open_error(&p.mdev));
	say("range_state=%s", range_state(&p.pci));
	say("over=yes");
	wait_quit();
}

/* ---- one after the other gets past ------------------------------------------------------------- */

static int wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("the child");
	return status;
}

static void flippers(void)
{
	unsigned int past = 0, killed = 0, calls_end = 0;
	struct box b = { 0 };

	box_setup(&b);
	for (unsigned int i = 0; i < opt.pins; i++) {
		pid_t pid = fork();
		__u64 gone;
		int status;

		if (pid < 0)
			die("fork");
		if (!pid)
			_exit(get_past(&b, false));
		status = wait_for(pid);
		gone = now_ns();
		if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
			calls_end++;
			continue;
		}
		if (!WIFSIGNALED(status) && WEXITSTATUS(status))
			die("the child that changes its argument");
		past++;
		killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		say("win=%d %llu %llu", pid, (unsigned long long)shared->tried_ns, (unsigned long long)gone);
		box_unmap(&b);
		box_map(&b);
	}
	say("flippers_past=%u", past);
	say("flippers_killed=%u", killed);
	say("flippers_not=%u", calls_end);
	say("range_state=%s", range_state(&b));
}

/* ---- noise --------------------------------------------------------------------------------------- */

#define NO_SUCH_CALL _IO(';', 0xff) /* which the guard makes itself, with an argument that nobody else knows */

static void noise(void)
{
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	unsigned int odd = 0;

	if (container < 0 || null < 0)
		die("/dev/vfio/vfio, /dev/null");
	for (unsigned int i = 0; i < opt.rounds; i++) {
		odd += !ioctl(null, VFIO_IOMMU_UNMAP_DMA, NULL) || errno != ENOTTY;
		odd += !ioctl(null, NO_SUCH_CALL, (unsigned long)i) || errno != ENOTTY;
		odd += ioctl(container, VFIO_GET_API_VERSION) != VFIO_API_VERSION;
	}
	say("noise_calls=%u", 3 * opt.rounds);
	say("noise_odd=%u", odd);
}

/* ---- no room left ---------------------------------------------------------------------------------- */

static void opening(void)
{
	struct places p = { 0 };
	char name[64] = "";
	pid_t pid;
	int fd;

	set_up_places(&p);
	pci_device_of(opt.pci, name, sizeof(name));
	say_error("open_before", open_error(&p.mdev));
	pid = process_that_sleeps(p.mdev.group, VFIO_GROUP_GET_DEVICE_FD, opt.rounds);
	say_error("held_open", open_error(&p.mdev));
	fd = ioctl(p.pci.group, VFIO_GROUP_GET_DEVICE_FD, name);
	say_result("held_open_pci", fd);
	if (fd >= 0)
		close(fd);
	say_error("held_join", try_join(&p));
	say_error("held_invalidate", invalidate_error(&p.pci));
	say_error("held_invalidate_beside", invalidate_error(&p.mdev));
	box_unmap(&p.mdev);
	say_error("held_map", box_try_map(&p.mdev) ? errno : 0);
	end_process(pid);
	say_error("open_ended", open_error(&p.mdev));
}

static struct {
	struct box *box;
	struct late_page page;
	bool over;
} late;

static void *unmap_late(void *arg)
{
	(void)arg;
	ioctl(late.box->container, VFIO_IOMMU_UNMAP_DMA, late.page.at);
	__atomic_store_n(&late.over, true, __ATOMIC_RELEASE);
	return NULL;
}

/* The child. Is it in time? The guard may refuse what it cannot note, or the mdev. */
static int get_past_for_want_of_room(struct places *p)
{
	struct vfio_iommu_type1_dma_unmap bad = {
		.argsz = sizeof(bad), .flags = VFIO_DMA_UNMAP_FLAG_VADDR, .iova = p->pci.iova, .size = p->pci.size,
	};
	pid_t sleepers = process_that_sleeps(p->other.container, VFIO_IOMMU_UNMAP_DMA, opt.rounds);
	pthread_t thread;
	long ret;

	late.box = &p->pci;
	late_page(&late.page);
	errno = pthread_create(&thread, NULL, unmap_late, NULL);
	if (errno)
		die("thread");
	say("room_asleep=%s", late_page_asked_for(&late.page, &late.over) ? "yes" : "no");
	say_error("room_join_full", join_error(p->joiner.group, p->pci.container));
	end_process(sleepers);
	ret = group_set(p->joiner.group, p->pci.container);
	say_result("room_join", ret);
	if (!ret)
		say_result("room_open", ioctl(p->joiner.group, VFIO_GROUP_GET_DEVICE_FD, p->joiner.uuid));
	if (!__atomic_load_n(&late.over, __ATOMIC_ACQUIRE))
		late_page_supply(&late.page, &bad, sizeof(bad));
	pthread_join(thread, NULL);
	return ret ? 2 : 0;
}

static void room(void)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
	struct places p = { 0 };
	int status;
	pid_t pid;

	set_up_places(&p);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		_exit(get_past_for_want_of_room(&p));
	say("past_tgid=%d", pid);
	status = wait_for(pid);
	say("room=%s", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? "killed" :
	    !WIFEXITED(status) || WEXITSTATUS(status) > 2 ? "failed" : WEXITSTATUS(status) ? "no" : "yes");
	say_result("now_info", ioctl(p.pci.container, VFIO_IOMMU_GET_INFO, &info));
	say("room_state=%s", range_state(&p.pci));
	say_result("free_info", ioctl(p.pci.container, VFIO_IOMMU_GET_INFO, &info));
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	if (what_is("sides"))
		return act_run(sides, REACH_END);
	if (what_is("refused"))
		return act_run(refused_by_another, REACH_READY);
	if (what_is("flippers"))
		return act_run(flippers, REACH_END);
	if (what_is("noise"))
		return act_run(noise, REACH_END);
	if (what_is("opening"))
		return act_run(opening, REACH_END);
	if (what_is("room"))
		return act_run(room, REACH_END);
	errno = EINVAL;
	die("--what %s", opt.what);
}
