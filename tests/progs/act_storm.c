// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_storm - sixteen processes do what charges and credits, at random
 *
 * --rounds steps each, from --seed (on a kernel without our mdev only those that
 * have a real device): map, unmap, pin, unpin, dma_rw, fork, a
 * limit that refuses, hand-over to a child, exec with the ranges restored and
 * without, SIGKILL. --pci GROUP, and --other GROUP for a second: that many of
 * them have a real device, the rest an mdev each. They have no CAP_IPC_LOCK.
 *
 * Eight times all stand still, and it is said what is charged to each by then:
 *
 *	at=TS_NS TGID VMLCK MINE	kB as the kernel shows them, and pages of its
 *					own sum; "-" where it keeps none
 *
 * Its own sum is that of who has a real device, on a kernel that keeps the
 * address space with the range (--what keeps; the other word is "moves").
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

#define PLAYERS_MAX 16
#define CHECKS 8
#define SLOTS 12
#define SLOT_PAGES 32
#define SLOT_BYTES (SLOT_PAGES * 4096ULL)
#define FDS_MAX 1024

struct slot {
	__u32 pages; /* 0: nothing is mapped there */
	__u32 own;   /* charged to the process that has it now */
};

/* One of the sixteen; the process behind it changes. */
struct player {
	pid_t pid;
	__u64 rnd;
	__u32 real;    /* index of its group + 1; 0: an mdev */
	__u32 done;    /* steps */
	__u32 reached; /* check points */
	__u32 over;
	__u32 fresh; /* has nothing open */
	__u32 taken; /* a child has taken over */
	__u32 refused, handed, execed, killed;
	struct slot slots[SLOTS];
	struct box box;
};

/* Shared by all of them, across exec too: a memfd whose number stays. */
struct storm {
	struct act_opts opt;
	__u32 keeps;
	__u32 players;
	__u32 check; /* the last one that is over */
	struct player p[PLAYERS_MAX];
};

static struct storm *storm;
static int storm_fd;
static bool pinned; /* this process has pinned by itself: only so an observer learns whose address space it is that a worker's pin is charged to */
static char groups[2][64];

/* xorshift64: the same on every machine */
static __u64 rnd(struct player *p, __u64 below)
{
	p->rnd ^= p->rnd << 13;
	p->rnd ^= p->rnd >> 7;
	p->rnd ^= p->rnd << 17;
	return p->rnd % below;
}

/* ---- ranges ------------------------------------------------------------------- */

/* The box as the calls of act.c want it: one range of it. */
static struct box range_of(const struct player *p, unsigned int i)
{
	struct box b = p->box;

	b.iova += i * SLOT_BYTES;
	b.mem = (char *)b.mem + i * SLOT_BYTES;
	b.size = p->slots[i].pages * 4096ULL;
	return b;
}

static void step_map(struct player *p)
{
	unsigned int i = rnd(p, SLOTS);
	struct box b;

	if (p->slots[i].pages)
		return;
	p->slots[i].pages = 1 + rnd(p, SLOT_PAGES);
	b = range_of(p, i);
	if (!box_try_map(&b)) {
		p->slots[i].own = 1;
		return;
	}
	if (errno != ENOMEM)
		die("map");
	p->refused++;
	p->slots[i].pages = 0;
}

static void step_unmap(struct player *p)
{
	unsigned int i = rnd(p, SLOTS);
	struct box b = range_of(p, i);

	if (!b.size)
		return;
	box_unmap(&b);
	p->slots[i].pages = 0;
}

/* ---- the device ------------------------------------------------------------------ */

static void command(struct player *p, __u32 op)
{
	unsigned int i = rnd(p, SLOTS), pages = p->slots[i].pages;
	struct box b = range_of(p, i);

	if (p->real || !pages)
		return;
	opt.offset = 4096 * rnd(p, pages);
	opt.len = 4096 * (1 + rnd(p, pages - opt.offset / 4096));
	if (op == FDPIN_OP_DMA_RW && opt.len > FDPIN_MAX_LEN)
		opt.len = FDPIN_MAX_LEN;
	/* whatever comes of it: over a limit, or in a range whose address space is gone, it fails */
	box_command(&b, op, pinned || op != FDPIN_OP_PIN ? rnd(p, FDPIN_CTX_MAX) : FDPIN_CTX_CALLER, FDPIN_CLOSE_NOTHING);
	pinned |= box_finish(&b).ret > 0 && op == FDPIN_OP_PIN;
}

static void step_pin(struct player *p)
{
	command(p, FDPIN_OP_PIN);
}

static void step_unpin(struct player *p)
{
	command(p, FDPIN_OP_UNPIN);
}

static void step_dma_rw(struct player *p)
{
	command(p, FDPIN_OP_DMA_RW);
}

/* ---- limits ------------------------------------------------------------------------ */

static long long vmlck_kb(pid_t pid)
{
	char path[64], line[256];
	long long kb = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "VmLck:", 6))
			kb = strtoull(line + 6, NULL, 10);
	if (f)
		fclose(f);
	return kb;
}

static void set_limit(rlim_t bytes)
{
	struct rlimit limit = { bytes, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		die("setrlimit");
}

static void step_limit(struct player *p)
{
	long long kb = vmlck_kb(getpid());

	set_limit(!rnd(p, 4) || kb < 0 ? RLIM_INFINITY : (rlim_t)kb * 1024 + rnd(p, SLOT_BYTES / 2));
}

/* ---- who has it ---------------------------------------------------------------------- */

/* False: an mdev is there, and the kernel refuses that, from the first range on. */
static bool invalidate(struct player *p)
{
	bool any = false;

	for (unsigned int i = 0; i < SLOTS; i++) {
		struct box b = range_of(p, i);

		if (!b.size)
			continue;
		if (box_try_invalidate(&b)) {
			if (any || errno != EBUSY)
				die("invalidate");
			return false;
		}
		any = true;
	}
	return true;
}

static void revalidate(struct player *p)
{
	set_limit(RLIM_INFINITY);
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct box b = range_of(p, i);

		if (!b.size)
			continue;
		box_revalidate(&b);
		p->slots[i].own = 1;
	}
}

static void forget_own(struct player *p)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		p->slots[i].own = 0;
}

static void step_renew(struct player *p)
{
	if (invalidate(p))
		revalidate(p);
}

static void step_fork(struct player *p)
{
	pid_t pid = fork();

	(void)p;
	if (!pid)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		die("fork");
}

/* A child goes on; what it cannot take over stays charged to its parent, who is gone then. */
static void step_hand_over(struct player *p)
{
	bool invalid = invalidate(p);
	pid_t parent = getpid(), pid;

	p->taken = 0;
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid) {
		while (!__atomic_load_n(&p->taken, __ATOMIC_ACQUIRE))
			pause_ms(1);
		_exit(0);
	}
	pinned = false;
	forget_own(p);
	if (invalid)
		revalidate(p);
	p->handed++;
	p->pid = getpid();
	__atomic_store_n(&p->taken, 1, __ATOMIC_RELEASE);
	while (getppid() == parent) /* it has the files for so long */
		pause_ms(1);
}

static void replace(const struct player *p, bool invalid)
{
	char arg[2][24];

	for (int fd = 3; fd < FDS_MAX; fd++)
		fcntl(fd, F_SETFD, 0);
	snprintf(arg[0], sizeof(arg[0]), "%d", storm_fd);
	snprintf(arg[1], sizeof(arg[1]), "%td", p - storm->p);
	execl("/proc/self/exe", "act_storm", "--player", arg[0], arg[1], invalid ? "invalid" : "valid", NULL);
	die("execl");
}

static void step_exec(struct player *p)
{
	replace(p, invalidate(p));
}

static void step_exec_with_all(struct player *p)
{
	replace(p, false);
}

static void step_kill(struct player *p)
{
	p->fresh = 1;
	memset(p->slots, 0, sizeof(p->slots));
	p->killed++;
	kill(getpid(), SIGKILL);
	pause();
}

/* ---- a player -------------------------------------------------------------------------- */

static const struct {
	void (*step)(struct player *p);
	unsigned int often;
} steps[] = {
	{ step_map, 30 }, { step_unmap, 16 }, { step_pin, 24 }, { step_unpin, 6 }, { step_dma_rw, 6 }, { step_limit, 6 },
	{ step_renew, 4 }, { step_fork, 3 }, { step_hand_over, 2 }, { step_exec, 1 }, { step_exec_with_all, 1 }, { step_kill, 1 },
};

static void any_step(struct player *p)
{
	unsigned int n = 0, pick;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		n += steps[i].often;
	pick = rnd(p, n);
	for (size_t i = 0;; i++) {
		if (pick < steps[i].often) {
			steps[i].step(p);
			return;
		}
		pick -= steps[i].often;
	}
}

static void begin(struct player *p)
{
	struct box *b = &p->box;

	opt.size = SLOTS * SLOT_BYTES;
	opt.pci = NULL;
	if (p->real) {
		opt.pci = p->real == 1 ? groups[0] : groups[1];
		box_open_pci(b);
	} else {
		box_open(b);
		box_open_device(b);
	}
	b->mem = NULL;
	box_memory(b);
	p->fresh = 0;
}

static void play(struct player *p)
{
	unsigned int every = storm->opt.rounds / CHECKS;

	drop_ipc_lock();
	if (p->fresh)
		begin(p);
	for (;;) {
		/* first: the step before may have ended in a new program, or in a new process */
		if (p->done / every > p->reached)
			__atomic_store_n(&p->reached, p->done / every, __ATOMIC_RELEASE);
		while (__atomic_load_n(&storm->check, __ATOMIC_ACQUIRE) < p->reached)
			pause_ms(2);
		if (p->done >= storm->opt.rounds)
			break;
		p->done++;
		any_step(p);
	}
	__atomic_store_n(&p->over, 1, __ATOMIC_RELEASE);
	exit(0);
}

/* The new program: it has the numbers of its files, and maps its memory again. */
static int successor(char **argv)
{
	struct player *p;

	storm_fd = atoi(argv[2]);
	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE, MAP_SHARED, storm_fd, 0);
	if (storm == MAP_FAILED)
		die("mmap");
	opt = storm->opt;
	p = &storm->p[atoi(argv[3])];
	p->execed++;
	forget_own(p);
	box_memory(&p->box);
	if (!strcmp(argv[4], "invalid"))
		revalidate(p);
	play(p);
	return 0;
}

/* ---- the conductor ------------------------------------------------------------------------ */

static void start(struct player *p)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return;
	p->pid = getpid();
	play(p);
}

/* The others would wait for a check point for good: all of them are in this process group. */
static void stop(int status)
{
	say("error=a player ended with status 0x%x", status);
	kill(0, SIGKILL);
}

/* Who was killed begins anew; who has handed over is no player any more. */
static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct player *p = storm->p;

		while (p < storm->p + storm->players && p->pid != pid)
			p++;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && p < storm->p + storm->players && p->fresh)
			start(p);
		else if (status)
			stop(status);
	}
}

static bool all_reached(__u32 check)
{
	for (const struct player *p = storm->p; p < storm->p + storm->players; p++)
		if (__atomic_load_n(&p->reached, __ATOMIC_ACQUIRE) < check)
			return false;
	return true;
}

static bool all_over(void)
{
	for (const struct player *p = storm->p; p < storm->p + storm->players; p++)
		if (!__atomic_load_n(&p->over, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

static void say_all(void)
{
	__u64 ts = now_ns();

	for (const struct player *p = storm->p; p < storm->p + storm->players; p++) {
		unsigned long long mine = 0;
		char sum[24] = "-";

		for (unsigned int i = 0; i < SLOTS; i++)
			mine += p->slots[i].own ? p->slots[i].pages : 0;
		if (p->real && storm->keeps)
			snprintf(sum, sizeof(sum), "%llu", mine);
		say("at=%llu %d %lld %s", (unsigned long long)ts, p->pid, vmlck_kb(p->pid), sum);
	}
}

static void actor(void)
{
	__u32 refused = 0, handed = 0, execed = 0, killed = 0;

	storm_fd = memfd_create("storm", 0);
	if (storm_fd < 0 || ftruncate(storm_fd, sizeof(*storm)))
		die("memfd");
	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE, MAP_SHARED, storm_fd, 0);
	if (storm == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1))
		die("mmap, prctl");
	storm->opt = opt;
	storm->keeps = what_is("keeps");
	storm->players = access("/sys/module/" FDPIN_NAME, F_OK) ? !!groups[0][0] + !!groups[1][0] : PLAYERS_MAX;
	for (unsigned int i = 0; i < storm->players; i++) {
		struct player *p = &storm->p[i];

		p->rnd = 0x9e3779b97f4a7c15ULL * (opt.seed + 1) + i;
		p->real = i < 2 && groups[i][0] ? i + 1 : 0;
		p->fresh = 1;
		start(p);
	}
	for (__u32 check = 1; check <= CHECKS; check++) {
		while (!all_reached(check)) {
			reap();
			pause_ms(2);
		}
		reap();
		say_all();
		__atomic_store_n(&storm->check, check, __ATOMIC_RELEASE);
	}
	while (!all_over())
		pause_ms(2);
	while (waitpid(-1, NULL, 0) > 0)
		;
	for (const struct player *p = storm->p; p < storm->p + storm->players; p++) {
		refused += p->refused;
		handed += p->handed;
		execed += p->execed;
		killed += p->killed;
	}
	say("steps=%u", opt.rounds * storm->players);
	say("refused=%u", refused);
	say("handed=%u", handed);
	say("execed=%u", execed);
	say("killed=%u", killed);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "--player"))
		return successor(argv);
	opt.rounds = 160;
	act_options(argc, argv);
	snprintf(groups[0], sizeof(groups[0]), "%s", opt.pci ?: "");
	snprintf(groups[1], sizeof(groups[1]), "%s", opt.other ?: "");
	return act_run(actor, REACH_END);
}
