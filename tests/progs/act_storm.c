// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_storm - sixteen processes do what charges and credits, at random
 *
 * --rounds steps each, from --seed (on a kernel without our mdev only those that
 * need none): map, unmap, pin, unpin, dma_rw, fork, a
 * limit that refuses, hand-over to a child, exec with the ranges restored and
 * without, SIGKILL. --pci GROUP, and --other GROUP for a second: that many of
 * them have a real device, the rest an mdev each. They have no CAP_IPC_LOCK.
 *
 * --other /dev/vfio/devices/NAME: half of them use iommufd, in all its ways of
 * charging, with that device, the kernel's own mock of one, or an mdev. What
 * they map is of a file, seldom of an address; IOMMU_IOAS_CHANGE_PROCESS takes
 * the place of the restored ranges, where this kernel does it right
 * (act_charge has the rest).
 *
 * Eight times all stand still, and it is said what is charged to each by then,
 * and to the user:
 *
 *	at=TS_NS TGID VMLCK VMPIN MINE	kB as the kernel shows them, and pages of
 *					its own sum; "-" where it keeps none
 *	user=TS_NS MINE			pages, the sum of all that are charged so
 *
 * Its own sum is that of who has a real device, on a kernel that keeps the
 * address space with the range (--what keeps; the other word is "moves"). With
 * --what keeps-in-turn no two make a step at the same time, so that no thread is
 * preempted in what records another one's. The user's counter no file shows: right
 * before, the conductor maps a page and unmaps it, of which a recording has what the
 * counter was.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <linux/capability.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"
#include "iommufd.h"

#define PLAYERS_MAX 16
#define CHECKS 8
#define SLOTS 12
#define SLOT_PAGES 32
#define SLOT_BYTES (SLOT_PAGES * 4096ULL)
#define FDS_MAX 1024
#define MOCK_IOVA 0x10000000ULL /* in what the mock can address: 16 MiB to 2 GiB */
#define MOCK_BYTES 256		/* as large as its argument may ever get; what it does not know has to be 0 */

/* What a player has; from FD_PCI on by iommufd. */
enum kind { TYPE1_PCI, TYPE1_MDEV, FD_PCI, FD_MOCK, FD_MDEV };
/* Where iommufd charges: to the user, to the address space, to none of both. pinned_vm goes along. */
enum mode { MODE_USER, MODE_MM, MODE_NONE };

struct slot {
	__u32 pages; /* 0: nothing is mapped there */
	__u32 own;   /* charged to the process that has it now */
	__u32 address; /* of iommufd, and mapped by its address: it cannot change hands */
};

/* One of the sixteen; the process behind it changes. */
struct player {
	pid_t pid;
	__u64 rnd;
	enum kind kind;
	enum mode mode;
	const char *path; /* of its group or device */
	__u32 ioas;
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
	__u32 in_turn;
	__u32 turn; /* 0: nobody's; else the number of the player whose it is, from 1 on */
	struct player p[PLAYERS_MAX];
};

static struct storm *storm;
static int storm_fd;
static bool pinned; /* this process has pinned by itself: only so an observer learns whose address space it is that a worker's pin is charged to */
static char paths[2][64];

/* xorshift64: the same on every machine */
static __u64 rnd(struct player *p, __u64 below)
{
	p->rnd ^= p->rnd << 13;
	p->rnd ^= p->rnd >> 7;
	p->rnd ^= p->rnd << 17;
	return p->rnd % below;
}

/* ---- in turn -------------------------------------------------------------------- */

/* It is the player's, whatever process is behind it: a step may end in another one. */
static __u32 number(const struct player *p)
{
	return p - storm->p + 1;
}

static void take_turn(const struct player *p)
{
	__u32 turn;

	while (storm->in_turn && (turn = __atomic_load_n(&storm->turn, __ATOMIC_ACQUIRE)) != number(p)) {
		if (turn)
			syscall(SYS_futex, &storm->turn, FUTEX_WAIT, turn, NULL, NULL, 0);
		else
			__atomic_compare_exchange_n(&storm->turn, &turn, number(p), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	}
}

static void end_turn(const struct player *p)
{
	if (!storm->in_turn || __atomic_load_n(&storm->turn, __ATOMIC_ACQUIRE) != number(p))
		return;
	__atomic_store_n(&storm->turn, 0, __ATOMIC_RELEASE);
	syscall(SYS_futex, &storm->turn, FUTEX_WAKE, 1, NULL, NULL, 0);
	sched_yield();
}

static bool by_iommufd(const struct player *p)
{
	return p->kind >= FD_PCI;
}

static bool mediated(const struct player *p)
{
	return p->kind == TYPE1_MDEV || p->kind == FD_MDEV;
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

static int fd_map(const struct player *p, unsigned int i)
{
	const __u32 flags = FD_MAP_FIXED | FD_MAP_READ | FD_MAP_WRITE;
	struct box b = range_of(p, i);
	struct fd_ioas_map map = { sizeof(map), flags, p->ioas, 0, (__u64)(unsigned long)b.mem, b.size, b.iova };
	struct fd_ioas_map_file file = { sizeof(file), flags, p->ioas, b.memfd, i * SLOT_BYTES, b.size, b.iova };

	return p->slots[i].address ? ioctl(b.container, FD_IOAS_MAP, &map) : ioctl(b.container, FD_IOAS_MAP_FILE, &file);
}

static int fd_unmap(const struct player *p, unsigned int i)
{
	struct box b = range_of(p, i);
	struct fd_ioas_unmap arg = { .size = sizeof(arg), .ioas = p->ioas, .iova = b.iova, .length = b.size };

	return ioctl(b.container, FD_IOAS_UNMAP, &arg);
}

static void step_map(struct player *p)
{
	unsigned int i = rnd(p, SLOTS);
	struct box b;

	if (p->slots[i].pages)
		return;
	p->slots[i].pages = 1 + rnd(p, SLOT_PAGES);
	p->slots[i].address = by_iommufd(p) && !rnd(p, 32);
	b = range_of(p, i);
	if (!(by_iommufd(p) ? fd_map(p, i) : box_try_map(&b))) {
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
	if (!by_iommufd(p))
		box_unmap(&b);
	else if (fd_unmap(p, i))
		die("IOMMU_IOAS_UNMAP");
	p->slots[i].pages = 0;
}

/* ---- the device ------------------------------------------------------------------ */

static void command(struct player *p, __u32 op)
{
	unsigned int i = rnd(p, SLOTS), pages = p->slots[i].pages;
	struct box b = range_of(p, i);

	if (!mediated(p) || !pages)
		return;
	/*
	 * What is charged to an address space that no process has any more cannot be credited. iommufd (7.3) tries that again at the next pin, and if
	 * this one finds all of its pages pinned already, gives back mmap_lock without having it (user->locked is -1 in update_mm_locked_vm()): the
	 * thread then waits for it for good.
	 */
	if (op == FDPIN_OP_PIN && p->mode == MODE_MM && by_iommufd(p) && !p->slots[i].own)
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

static long long status_kb(pid_t pid, const char *key)
{
	char path[64], line[256];
	long long kb = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			kb = strtoull(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return kb;
}

/* Pages that are charged to the user: by all of these players, to whomever else. */
static unsigned long long user_pages(void)
{
	unsigned long long pages = 0;

	for (const struct player *p = storm->p; p < storm->p + storm->players; p++)
		for (unsigned int i = 0; i < SLOTS; i++)
			pages += by_iommufd(p) && p->mode == MODE_USER ? p->slots[i].pages : 0;
	return pages;
}

/* With it nothing refuses, and iommufd charges to neither. */
static void set_ipc_lock(bool on)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	const __u32 bit = 1u << CAP_IPC_LOCK;

	if (syscall(SYS_capget, &head, data))
		die("capget");
	data[0].effective = on ? data[0].effective | bit : data[0].effective & ~bit;
	if (syscall(SYS_capset, &head, data))
		die("capset");
}

static void set_limit(rlim_t bytes)
{
	struct rlimit limit = { bytes, RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		die("setrlimit");
}

static void step_limit(struct player *p)
{
	long long kb = by_iommufd(p) && p->mode == MODE_USER ? (long long)user_pages() * 4 : status_kb(getpid(), "VmLck:");

	set_limit(!rnd(p, 4) || kb < 0 ? RLIM_INFINITY : (rlim_t)kb * 1024 + rnd(p, SLOT_BYTES / 2));
}

/* ---- who has it ---------------------------------------------------------------------- */

static void forget_own(struct player *p)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		p->slots[i].own = 0;
}

/*
 * Is it right that another takes what this one has? Only the user's charges are
 * moved in all cases: CHANGE_PROCESS leaves those of who had CAP_IPC_LOCK, and
 * wants those of an address space while a process has it.
 */
static bool can_be_taken(const struct player *p, bool by_exec)
{
	if (p->mode == MODE_USER)
		return true;
	for (unsigned int i = 0; i < SLOTS; i++)
		if (p->slots[i].pages && !p->slots[i].own)
			return false;
	return p->mode == MODE_MM && !by_exec;
}

/* All of it, or, as soon as there is an address, nothing. */
static void change_process(struct player *p)
{
	__u32 arg[2] = { sizeof(arg), 0 };
	bool address = false;

	for (unsigned int i = 0; i < SLOTS; i++)
		address |= p->slots[i].pages && p->slots[i].address;
	if (!ioctl(p->box.container, FD_CHANGE_PROCESS, arg) == address || (address && errno != EINVAL))
		die("IOMMU_IOAS_CHANGE_PROCESS, with%s an address", address ? "" : "out");
	for (unsigned int i = 0; i < SLOTS && !address; i++)
		p->slots[i].own = !!p->slots[i].pages;
}

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
	for (unsigned int i = 0; i < SLOTS; i++) {
		struct box b = range_of(p, i);

		if (!b.size)
			continue;
		box_revalidate(&b);
		p->slots[i].own = 1;
	}
}

/* The first half of it, while it is this one's. */
static bool give(struct player *p, bool by_exec)
{
	return by_iommufd(p) ? can_be_taken(p, by_exec) : invalidate(p);
}

static void take(struct player *p)
{
	set_limit(RLIM_INFINITY);
	if (by_iommufd(p))
		change_process(p);
	else
		revalidate(p);
}

static void step_renew(struct player *p)
{
	if (give(p, false))
		take(p);
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
	bool given = give(p, false);
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
	if (given)
		take(p);
	p->handed++;
	p->pid = getpid();
	__atomic_store_n(&p->taken, 1, __ATOMIC_RELEASE);
	while (getppid() == parent) /* it has the files for so long */
		pause_ms(1);
}

static void replace(const struct player *p, bool given)
{
	char arg[2][24];

	for (int fd = 3; fd < FDS_MAX; fd++)
		fcntl(fd, F_SETFD, 0);
	snprintf(arg[0], sizeof(arg[0]), "%d", storm_fd);
	snprintf(arg[1], sizeof(arg[1]), "%td", p - storm->p);
	execl("/proc/self/exe", "act_storm", "--player", arg[0], arg[1], given ? "given" : "kept", NULL);
	die("execl");
}

static void step_exec(struct player *p)
{
	replace(p, give(p, true));
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

/* The device of /dev/vfio/devices that a free mdev has. */
static void open_mdev_device(struct box *b)
{
	char path[128];
	struct dirent *d;
	DIR *dir;

	close(open_mdev_group(b));
	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/vfio-dev", b->uuid);
	dir = opendir(path);
	while (dir && (d = readdir(dir)) && d->d_name[0] == '.')
		;
	if (!dir || !d)
		die("%s", path);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%.32s", d->d_name);
	closedir(dir);
	b->device = open(path, O_RDWR);
	if (b->device < 0)
		die("%s", path);
}

/* The one before may be about to end. */
static void bind_and_attach(const struct box *b, __u32 ioas)
{
	struct fd_bind bind = { .argsz = sizeof(bind), .iommufd = b->container };
	struct fd_attach attach = { .argsz = sizeof(attach), .ioas = ioas };
	__u64 end = now_ns() + opt.timeout * 1000000000ULL;
	int r;

	while ((r = ioctl(b->device, FD_DEVICE_BIND, &bind)) && errno == EBUSY && now_ns() < end)
		pause_ms(1);
	if (r || ioctl(b->device, FD_DEVICE_ATTACH, &attach))
		die("VFIO_DEVICE_BIND_IOMMUFD, VFIO_DEVICE_ATTACH_IOMMUFD_PT");
}

/* What the kernel's own tests have in place of a device. */
static void attach_mock(const struct box *b, __u32 ioas)
{
	__u32 arg[MOCK_BYTES / 4] = { MOCK_BYTES, FD_TEST_MOCK_DOMAIN, ioas };

	if (ioctl(b->container, FD_TEST, arg))
		die("IOMMU_TEST_CMD");
}

/* A context with an ioas, and nothing in it yet. */
static __u32 open_iommufd(struct box *b, enum mode mode)
{
	struct fd_option option = { .size = sizeof(option), .id = FD_OPTION_RLIMIT_MODE, .value = 1 };
	struct fd_ioas_alloc alloc = { .size = sizeof(alloc) };

	b->claim = b->device = b->memfd = b->pci = b->group = -1;
	b->iova = MOCK_IOVA;
	b->size = opt.size;
	b->container = open("/dev/iommu", O_RDWR);
	if (b->container < 0)
		die("/dev/iommu");
	if (mode == MODE_MM && ioctl(b->container, FD_OPTION, &option))
		die("IOMMU_OPTION_RLIMIT_MODE");
	if (ioctl(b->container, FD_IOAS_ALLOC, &alloc))
		die("IOMMU_IOAS_ALLOC");
	return alloc.ioas;
}

static void begin_iommufd(struct player *p)
{
	struct box *b = &p->box;

	p->ioas = open_iommufd(b, p->mode);
	if (p->kind == FD_MOCK) {
		attach_mock(b, p->ioas);
		return;
	}
	if (p->kind == FD_MDEV)
		open_mdev_device(b);
	else
		b->device = open(p->path, O_RDWR);
	if (b->device < 0)
		die("%s", p->path);
	bind_and_attach(b, p->ioas);
}

static void begin(struct player *p)
{
	struct box *b = &p->box;

	opt.size = SLOTS * SLOT_BYTES;
	opt.pci = NULL;
	if (by_iommufd(p)) {
		begin_iommufd(p);
	} else if (p->kind == TYPE1_PCI) {
		opt.pci = p->path;
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

	set_ipc_lock(by_iommufd(p) && p->mode == MODE_NONE);
	take_turn(p);
	if (p->fresh)
		begin(p);
	for (;;) {
		end_turn(p);
		/* first: the step before may have ended in a new program, or in a new process */
		if (p->done / every > p->reached)
			__atomic_store_n(&p->reached, p->done / every, __ATOMIC_RELEASE);
		while (__atomic_load_n(&storm->check, __ATOMIC_ACQUIRE) < p->reached)
			pause_ms(2);
		if (p->done >= storm->opt.rounds)
			break;
		p->done++;
		take_turn(p);
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
	if (!strcmp(argv[4], "given"))
		take(p);
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

/* Charged to the user and credited: what its counter is, is in a recording then. */
static void probe_user(const struct box *b, __u32 ioas)
{
	const __u32 flags = FD_MAP_FIXED | FD_MAP_READ | FD_MAP_WRITE;
	struct fd_ioas_map map = { sizeof(map), flags, ioas, 0, (__u64)(unsigned long)b->mem, 4096, b->iova };
	struct fd_ioas_unmap unmap = { .size = sizeof(unmap), .ioas = ioas, .iova = b->iova, .length = 4096 };

	if (ioctl(b->container, FD_IOAS_MAP, &map) || ioctl(b->container, FD_IOAS_UNMAP, &unmap))
		die("a page of the conductor");
}

static void say_all(const struct box *probe, __u32 ioas)
{
	__u64 ts;

	if (ioas)
		probe_user(probe, ioas);
	ts = now_ns();
	for (const struct player *p = storm->p; p < storm->p + storm->players; p++) {
		unsigned long long mine = 0;
		char sum[24] = "-";

		for (unsigned int i = 0; i < SLOTS; i++)
			mine += p->slots[i].own ? p->slots[i].pages : 0;
		if (!mediated(p) && storm->keeps)
			snprintf(sum, sizeof(sum), "%llu", mine);
		say("at=%llu %d %lld %lld %s", (unsigned long long)ts, p->pid, status_kb(p->pid, "VmLck:"), status_kb(p->pid, "VmPin:"), sum);
	}
	if (ioas)
		say("user=%llu %llu", (unsigned long long)ts, user_pages());
}

/* Who has what. The user's charges are of those whose sums are known. */
static void cast(void)
{
	static const struct {
		enum kind kind;
		enum mode mode;
	} with_iommufd[] = {
		{ FD_PCI, MODE_USER }, { FD_MOCK, MODE_USER }, { FD_MOCK, MODE_USER }, { FD_MOCK, MODE_MM },
		{ FD_MOCK, MODE_NONE }, { FD_MDEV, MODE_MM }, { FD_MDEV, MODE_NONE },
	};
	const unsigned int n = sizeof(with_iommufd) / sizeof(with_iommufd[0]);
	bool mdevs = !access("/sys/module/" FDPIN_NAME, F_OK), iommufd = !strncmp(paths[1], "/dev/vfio/devices/", 18);

	for (unsigned int i = 0; i < PLAYERS_MAX; i++) {
		struct player p = { .kind = TYPE1_MDEV };

		if (i < 2 && paths[i][0])
			p = (struct player){ .kind = TYPE1_PCI, .path = paths[i] };
		if (iommufd && i && i <= n) {
			p.kind = with_iommufd[i - 1].kind;
			p.mode = with_iommufd[i - 1].mode;
		}
		if (!mdevs && mediated(&p))
			continue;
		p.rnd = 0x9e3779b97f4a7c15ULL * (opt.seed + 1) + i;
		p.fresh = 1;
		storm->p[storm->players++] = p;
	}
}

static void actor(void)
{
	__u32 refused = 0, handed = 0, execed = 0, killed = 0, ioas = 0;
	struct box probe = { .container = -1 };

	storm_fd = memfd_create("storm", 0);
	if (storm_fd < 0 || ftruncate(storm_fd, sizeof(*storm)))
		die("memfd");
	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE, MAP_SHARED, storm_fd, 0);
	if (storm == MAP_FAILED || prctl(PR_SET_CHILD_SUBREAPER, 1))
		die("mmap, prctl");
	storm->opt = opt;
	storm->in_turn = what_is("keeps-in-turn");
	storm->keeps = storm->in_turn || what_is("keeps");
	cast();
	if (!strncmp(paths[1], "/dev/vfio/devices/", 18)) {
		opt.size = 4096;
		ioas = open_iommufd(&probe, MODE_USER);
		attach_mock(&probe, ioas);
		box_memory(&probe);
		set_ipc_lock(false);
		probe_user(&probe, ioas);
	}
	for (struct player *p = storm->p; p < storm->p + storm->players; p++)
		start(p);
	for (__u32 check = 1; check <= CHECKS; check++) {
		while (!all_reached(check)) {
			reap();
			pause_ms(2);
		}
		reap();
		say_all(&probe, ioas);
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
	snprintf(paths[0], sizeof(paths[0]), "%s", opt.pci ?: "");
	snprintf(paths[1], sizeof(paths[1]), "%s", opt.other ?: "");
	return act_run(actor, REACH_END);
}
