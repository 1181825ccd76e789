// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_attempts - ways past the guard that do not need to win a race, or can try until they have
 *
 * Each says what its call came to, and, as NAME_state, what became of the range
 * it was about, which does not rest on that: invalid (it was restored then),
 * gone (it was mapped again), kept.
 *
 * --what arguments: a container with an mdev; invalidations whose argument is
 * odd, or lies in odd memory. Ends by itself.
 * --what orders: with --pci and --other: groups and the driver come to a container in
 * every order, and leave it; two groups come while a range is invalid. Ends by itself.
 * --what names: container and group are opened by other nodes, mounts and roots
 * than those in /dev. Ends by itself.
 * --what hands: the container goes to another process by every way there is, which is
 * another user, in another control group, or in a user namespace. Ends by itself.
 * --what stalled: with --pci: a thread sleeps in an unmap whose argument nobody has
 * written yet. An mdev joins meanwhile; and when its process was killed. Ends by itself.
 * --what left: the same, but SIGUSR1 to the actor ends the process; the mdev is to join
 * within ten seconds then. Stays until SIGTERM.
 * --what full: the same with --rounds threads, and with other containers. Ends by itself.
 * --what stretched: with --pci: an unmap that was fine when it was asked about is
 * stopped before the driver reads it; an mdev joins and is opened; then the argument is
 * another one. SIGUSR1 to the actor goes on from there: it undoes the state.
 * --what swapped: with --pci: an mdev joins a container that is none of the driver's, by a
 * number that another thread makes that of a container with an invalid range, until it
 * has got in there, --rounds times at most; then it is opened. Ends by itself.
 * --what admitted: the same, but nothing is invalid there, and the other number is that of
 * no container at all. Ends by itself.
 * --what driverless: with --pci: an mdev joins while --rounds containers without a group are
 * open, in each of which the addresses of all there is were to be made invalid. Ends by itself.
 * --what window: with --pci: an invalidation whose answer cannot be written. Until SIGTERM.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

#define PAGE 4096
#define VADDR VFIO_DMA_UNMAP_FLAG_VADDR
#define ALL VFIO_DMA_UNMAP_FLAG_ALL
#define DIRTY VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP

/* struct vfio_iommu_type1_dma_unmap, without the open end */
struct unmap {
	__u32 argsz, flags;
	__u64 iova, size;
};

static struct unmap unmap_of(const struct box *b, __u32 flags)
{
	return (struct unmap){ .argsz = sizeof(struct unmap), .flags = flags, .iova = b->iova, .size = b->size };
}

/* ---- odd arguments --------------------------------------------------------------------------- */

static const struct odd {
	const char *name;
	__u32 argsz, flags;
	__u64 iova, size; /* 0, 0: the range of the box */
} odds[] = {
	{ "plain", 24, VADDR, 0, 0 },
	{ "dirty", 40, VADDR | DIRTY, 0, 0 },
	{ "dirty_all", 40, VADDR | DIRTY | ALL, 0, 0 },
	{ "unknown_flag", 24, VADDR | 0x100, 0, 0 },
	{ "last_flag", 24, VADDR | 0x80000000, 0, 0 },
	{ "every_flag", 24, 0xffffffff, 0, 0 },
	{ "argsz_0", 0, VADDR, 0, 0 },
	{ "argsz_23", 23, VADDR, 0, 0 },
	{ "argsz_most", 0xffffffff, VADDR, 0, 0 },
	{ "size_0", 24, VADDR, 0x100000000, 0 },
	{ "size_half", 24, VADDR, 0, 1ULL << 63 },
	{ "size_most", 24, VADDR, 0, ~0ULL },
	{ "size_pages", 24, VADDR, 0, ~0ULL - (PAGE - 1) },
	{ "wrap", 24, VADDR, ~0ULL - (PAGE - 1), 2 * PAGE },
	{ "wrap_range", 24, VADDR, 0x100000000, ~0ULL - (PAGE - 1) },
	{ "all_of_some", 24, VADDR | ALL, 0x100000000, PAGE },
	{ "unaligned", 24, VADDR, 0x100000001, PAGE },
};

static void odd_arguments(struct box *b)
{
	/* what a bitmap would be is behind it: of nothing */
	struct {
		struct unmap unmap;
		__u64 bitmap[3];
	} arg = { 0 };

	for (size_t i = 0; i < sizeof(odds) / sizeof(*odds); i++) {
		const struct odd *o = &odds[i];

		arg.unmap = unmap_of(b, o->flags);
		arg.unmap.argsz = o->argsz;
		if (o->iova || o->size) {
			arg.unmap.iova = o->iova;
			arg.unmap.size = o->size;
		}
		came_to(o->name, b, ioctl(b->container, VFIO_IOMMU_UNMAP_DMA, &arg));
	}
}

static void at(struct box *b, const char *name, const void *arg)
{
	came_to(name, b, ioctl(b->container, VFIO_IOMMU_UNMAP_DMA, arg));
}

/* An argument of two mappings: what is written through the one, the call gets through the other, which it cannot write to. */
static struct unmap *read_only(struct unmap **ret_writable)
{
	int fd = memory_file(PAGE);
	struct unmap *arg;

	*ret_writable = pages(1, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	arg = pages(1, PROT_READ, MAP_SHARED | MAP_POPULATE, fd);
	close(fd);
	return arg;
}

/* Is the page of this address there for whoever may not wait for it? */
static bool present(const void *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	__u64 entry;

	if (fd < 0 || pread(fd, &entry, sizeof(entry), (unsigned long)addr / PAGE * sizeof(entry)) != sizeof(entry))
		die("pagemap");
	close(fd);
	return entry >> 63;
}

/* In the file of this program. The numbers are those that a box has unless it is told otherwise. */
static const struct {
	struct unmap unmap;
	char rest[PAGE - sizeof(struct unmap)];
} in_file __attribute__((aligned(PAGE))) = {
	.unmap = { .argsz = sizeof(struct unmap), .flags = VADDR, .iova = 0x100000000, .size = 0x200000 },
};

static void in_odd_memory(struct box *b)
{
	char *two = pages(2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct unmap arg = unmap_of(b, VADDR), *writable, *ro = read_only(&writable);
	int fd = memory_file(PAGE);
	char *punched = pages(1, PROT_READ | PROT_WRITE, MAP_SHARED, fd);

	*writable = arg;
	at(b, "read_only", ro);
	memcpy(punched, &arg, sizeof(arg));
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE))
		die("fallocate");
	at(b, "punched", punched);
	if (madvise((void *)&in_file, PAGE, MADV_PAGEOUT))
		die("madvise");
	if (present(&in_file))
		madvise((void *)&in_file, PAGE, MADV_DONTNEED);
	say("paged_out_present=%s", present(&in_file) ? "yes" : "no");
	at(b, "paged_out", &in_file);
	if (munmap(two + PAGE, PAGE))
		die("munmap");
	memcpy(two + PAGE - sizeof(arg), &arg, sizeof(arg));
	at(b, "last_bytes", two + PAGE - sizeof(arg));
	memcpy(two + PAGE - 8, &arg, 8);
	at(b, "cut", two + PAGE - 8);
	memcpy(two, &arg, sizeof(arg));
	if (mprotect(two, PAGE, PROT_NONE))
		die("mprotect");
	at(b, "no_access", two);
}

static void late_begin(struct box *b)
{
	struct unmap arg = unmap_of(b, 0);
	struct late_answer answer = late_call(b->container, VFIO_IOMMU_UNMAP_DMA, &arg, sizeof(arg), VADDR);

	say("late_asked=%s", answer.asked ? "yes" : "no");
	errno = answer.error;
	came_to("late", b, answer.ret);
}

static void arguments(void)
{
	struct box b = { 0 };

	box_setup(&b);
	odd_arguments(&b);
	late_begin(&b);
	in_odd_memory(&b);
}

/* ---- who comes when, and leaves --------------------------------------------------------------- */

static int open_group(const char *path)
{
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		die("%s", path ? path : "a group (missing)");
	return fd;
}

static void invalidate(const char *call, struct box *b)
{
	came_to(call, b, box_try_invalidate(b));
}

/* The driver has its mdev from the beginning on; nothing comes before a group. */
static void driver_last(void)
{
	const char *pci = opt.pci;
	struct box b = { 0 };
	int alone = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	say_result("driver_first", ioctl(alone, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	close(alone);
	opt.pci = NULL;
	box_open(&b);
	box_map(&b);
	invalidate("driver_last", &b);
	say_result("driver_again", ioctl(b.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	invalidate("driver_twice", &b);
	box_close(&b);
	opt.pci = pci;
}

static void mdev_last_and_away(void)
{
	struct box b = { 0 }, m = { 0 };
	int mdev;

	box_open_pci(&b);
	box_map(&b);
	invalidate("no_mdev", &b);
	mdev = open_mdev_group(&m);
	if (group_set(mdev, b.container))
		die("the mdev joins");
	invalidate("mdev_last", &b);
	m.device = ioctl(mdev, VFIO_GROUP_GET_DEVICE_FD, m.uuid);
	if (m.device < 0)
		die("the mdev is opened");
	invalidate("mdev_open", &b);
	say_result("mdev_leaves_open", group_unset(mdev));
	invalidate("mdev_stays", &b);
	close(m.device);
	invalidate("mdev_closed", &b);
	if (group_unset(mdev))
		die("the mdev leaves");
	invalidate("mdev_away", &b);
	if (group_set(mdev, b.container))
		die("the mdev is back");
	invalidate("mdev_back", &b);
	close(mdev);
	invalidate("mdev_group_closed", &b);
	close(m.claim);
	box_close(&b);
}

static void come_while_invalid(void)
{
	struct box b = { 0 }, m = { 0 };
	int mdev, other = open_group(opt.other);

	box_open_pci(&b);
	box_map(&b);
	mdev = open_mdev_group(&m);
	if (box_try_invalidate(&b))
		die("invalidate");
	say_result("mdev_comes", group_set(mdev, b.container));
	ask_oracle("mdev_comes", &b);
	group_unset(mdev);
	say_result("other_comes", group_set(other, b.container));
	ask_oracle("other_comes", &b);
	group_unset(other);
	say_state("meanwhile", &b);
	say_result("mdev_comes_later", group_set(mdev, b.container));
	say_result("other_comes_later", group_set(other, b.container));
}

static void orders(void)
{
	say("tgid=%d", getpid());
	driver_last();
	mdev_last_and_away();
	come_while_invalid();
}

/* ---- by other names --------------------------------------------------------------------------- */

#define ROOT "/run/fdpin-attempts"

static struct named {
	struct box box;
	char group[32]; /* its name in /dev/vfio */
	dev_t container_no, group_no;
} names;

static void path_in(char *path, size_t len, const char *dir, const char *name)
{
	snprintf(path, len, "%s/%s", dir, name);
}

/* In a container of its own, all by nodes of this folder. */
static void through(const char *call, const char *dir)
{
	struct box *b = &names.box;
	char path[128];

	path_in(path, sizeof(path), dir, "vfio");
	b->container = open_group(path);
	path_in(path, sizeof(path), dir, names.group);
	b->group = open_group(path);
	if (group_set(b->group, b->container) || ioctl(b->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		die("%s: its container", call);
	box_map(b);
	invalidate(call, b);
	close(b->group);
	close(b->container);
}

static void nodes_in(const char *dir)
{
	char path[128];

	if (mkdir(dir, 0700))
		die("%s", dir);
	path_in(path, sizeof(path), dir, "vfio");
	if (mknod(path, S_IFCHR | 0600, names.container_no))
		die("%s", path);
	path_in(path, sizeof(path), dir, names.group);
	if (mknod(path, S_IFCHR | 0600, names.group_no))
		die("%s", path);
}

static void link_in(const char *dir)
{
	char path[128], to[128];

	if (mkdir(dir, 0700))
		die("%s", dir);
	path_in(path, sizeof(path), dir, "vfio");
	if (symlink("/dev/vfio/vfio", path))
		die("%s", path);
	path_in(path, sizeof(path), dir, names.group);
	snprintf(to, sizeof(to), "/dev/vfio/%s", names.group);
	if (symlink(to, path))
		die("%s", path);
}

static void below_another_root(void)
{
	pid_t pid = forked();

	if (!pid) {
		if (chroot(ROOT) || chdir("/"))
			die("chroot");
		through("chroot", "/nodes");
		_exit(0);
	}
	waited_for(pid);
}

/* No name of the group is left, and none of this one's mounts is another one's. */
static void names_of_group(void)
{
	char link[64], path[128] = "";
	struct stat st;
	int fd = open_mdev_group(&names.box);

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) < 0 || fstat(fd, &st))
		die("%s", link);
	snprintf(names.group, sizeof(names.group), "%.20s", strrchr(path, '/') + 1);
	names.group_no = st.st_rdev;
	if (stat("/dev/vfio/vfio", &st))
		die("/dev/vfio/vfio");
	names.container_no = st.st_rdev;
	close(fd);
}

static void by_other_names(void)
{
	names.box.iova = opt.iova;
	names.box.size = opt.size;
	names.box.memfd = -1;
	names_of_group();
	names.box.iova = opt.iova;
	names.box.size = opt.size;
	names.box.memfd = -1;
	say("tgid=%d", getpid());
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || (mkdir(ROOT, 0700) && errno != EEXIST) ||
	    mount("none", ROOT, "tmpfs", 0, NULL) || mkdir(ROOT "/bound", 0700) || mkdir(ROOT "/dev", 0700))
		die("mounts");
	nodes_in(ROOT "/nodes");
	link_in(ROOT "/links");
	if (mount("/dev/vfio", ROOT "/bound", NULL, MS_BIND, NULL) || mount("none", ROOT "/dev", "devtmpfs", 0, NULL))
		die("mounts");
	through("canonical", "/dev/vfio");
	through("node", ROOT "/nodes");
	through("symlink", ROOT "/links");
	through("bound", ROOT "/bound");
	through("devtmpfs", ROOT "/dev/vfio");
	below_another_root();
}

/* ---- in other hands ---------------------------------------------------------------------------- */

/* A child makes the call, after what it is told to do; what became of the range its parent says. */
static void by_child(const char *call, struct box *b, void (*before)(void))
{
	pid_t pid = forked();

	if (!pid) {
		before();
		say("%s_tgid=%d", call, getpid());
		say_result(call, box_try_invalidate(b));
		_exit(0);
	}
	waited_for(pid);
	say_state(call, b);
}

static void nothing(void)
{
}

static void user_namespace(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS))
		die("unshare");
}

/* Two that are there before anything is opened: one is sent the files, the other one takes them. */
static void received(void *arg)
{
	int *pair = arg;
	struct box b = { 0 };

	close(pair[0]);
	box_receive(&b, pair[1]);
	another_user();
	say("sent_tgid=%d", getpid());
	say_result("sent", box_try_invalidate(&b));
	_exit(0);
}

static void taken(struct box *b, int from, int container)
{
	int fd = syscall(SYS_pidfd_open, from, 0);

	b->container = fd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, fd, container, 0);
	if (b->container < 0)
		die("pidfd_getfd");
	another_cgroup();
	say("taken_tgid=%d", getpid());
	say_result("taken", box_try_invalidate(b));
	_exit(0);
}

/* A file that is opened by a link to itself is a container of its own, without a driver. */
static void open_again(struct box *b)
{
	struct unmap arg = unmap_of(b, VADDR);
	char link[64];
	int fd;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", b->container);
	fd = open_group(link);
	came_to("reopened", b, ioctl(fd, VFIO_IOMMU_UNMAP_DMA, &arg));
	close(fd);
}

static void in_other_hands(void)
{
	struct box b = { 0 }, theirs = { 0 };
	int sent[2], word[2], container;
	pid_t receiver, taker, self = getpid();

	open_pair(sent);
	if (pipe(word))
		die("pipe");
	receiver = fork_holder(received, sent);
	taker = forked();
	if (!taker) {
		close(word[1]);
		if (read(word[0], &container, sizeof(container)) != sizeof(container))
			_exit(1);
		theirs.iova = opt.iova;
		theirs.size = opt.size;
		taken(&theirs, self, container);
	}
	close(sent[1]);
	close(word[0]);
	box_setup(&b);
	by_child("forked", &b, nothing);
	by_child("cgroup", &b, another_cgroup);
	by_child("user", &b, another_user);
	by_child("userns", &b, user_namespace);
	box_send(&b, sent[0]);
	waited_for(receiver);
	say_state("sent", &b);
	if (write(word[1], &b.container, sizeof(b.container)) != sizeof(b.container))
		die("pipe");
	waited_for(taker);
	say_state("taken", &b);
	open_again(&b);
	invalidate("self", &b);
}

/* ---- an argument that is not there yet ---------------------------------------------------------- */

static struct sleeper {
	struct box *box;
	struct late_page page;
	struct unmap *arg; /* in that page */
	bool over, stop;
} s;

static void page_on_demand(void)
{
	late_page(&s.page);
	s.arg = s.page.at;
}

static bool asked_for(void)
{
	return late_page_asked_for(&s.page, &s.over);
}

static void supply(const struct unmap *arg)
{
	late_page_supply(&s.page, arg, sizeof(*arg));
}

static void join(const char *call, int group, const struct box *b)
{
	long ret = group_set(group, b->container);

	say_result(call, ret);
	ask_oracle(call, b);
	if (!ret && group_unset(group))
		die("VFIO_GROUP_UNSET_CONTAINER");
}

/* Whatever was left of the call is taken back a moment later. */
static void left(int mdev, const struct box *b, pid_t pid, const sigset_t *set)
{
	int sig;

	__atomic_store_n(&shared->undo, 1, __ATOMIC_RELEASE);
	ready();
	sigwait(set, &sig);
	end_process(pid);
	for (int i = 0; i < 100; i++) {
		if (!group_set(mdev, b->container)) {
			group_unset(mdev);
			break;
		}
		pause_ms(100);
	}
	join("join_ended", mdev, b);
	say("over=yes");
	wait_quit();
}

static void stalled(void)
{
	struct box b = { 0 }, m = { 0 };
	sigset_t set;
	int mdev;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	if (what_is("left"))
		sigprocmask(SIG_BLOCK, &set, NULL);
	box_open_pci(&b);
	box_map(&b);
	mdev = open_mdev_group(&m);
	say("tgid=%d", getpid());
	join("join_before", mdev, &b);
	pid = process_that_sleeps(b.container, VFIO_IOMMU_UNMAP_DMA, 1);
	join("join_stalled", mdev, &b);
	if (what_is("left")) {
		left(mdev, &b, pid, &set);
		return;
	}
	end_process(pid);
	join("join_ended", mdev, &b);
	say_state("range", &b);
}

/* As many as the guard has places for. */
static void full(void)
{
	struct box b = { 0 }, other = { 0 }, m = { 0 };
	const char *pci = opt.pci;
	int mdev;
	pid_t pid;

	box_open_pci(&b);
	box_map(&b);
	opt.pci = NULL;
	box_open(&other);
	box_open_device(&other);
	box_map(&other);
	opt.pci = pci;
	mdev = open_mdev_group(&m);
	say("tgid=%d", getpid());
	join("join_before", mdev, &other);
	pid = process_that_sleeps(b.container, VFIO_IOMMU_UNMAP_DMA, opt.rounds);
	join("join_full", mdev, &other);
	invalidate("invalidate_full", &other);
	box_unmap(&other);
	say_result("map_full", box_try_map(&other));
	invalidate("no_mdev_full", &b);
	end_process(pid);
	join("join_ended", mdev, &other);
}

/* ---- a call that is stretched -------------------------------------------------------------------- */

static void *unmap_nothing(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&s.stop, __ATOMIC_ACQUIRE))
		ioctl(s.box->container, VFIO_IOMMU_UNMAP_DMA, s.arg);
	__atomic_store_n(&s.over, true, __ATOMIC_RELEASE);
	return NULL;
}

static void *take_page_away(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&s.stop, __ATOMIC_ACQUIRE))
		madvise(s.arg, PAGE, MADV_DONTNEED);
	return NULL;
}

/* The child: until the mdev gets in beside a call that sleeps in the driver. What that call then reads makes a range invalid. */
static int stretch(struct box *b, struct box *m, int mdev)
{
	struct unmap harmless = unmap_of(b, 0), bad = unmap_of(b, VADDR);
	unsigned int refused = 0;
	pthread_t caller, taker;

	harmless.iova += 0x40000000;
	s.box = b;
	page_on_demand();
	supply(&harmless);
	if (pthread_create(&caller, NULL, unmap_nothing, NULL) || pthread_create(&taker, NULL, take_page_away, NULL))
		die("thread");
	for (unsigned int i = 0; i < opt.rounds && asked_for(); i++) {
		if (group_set(mdev, b->container)) {
			supply(&harmless);
			/* more refusals than can be told are of no use */
			if (!(++refused % 8))
				pause_ms(2);
			continue;
		}
		m->device = ioctl(mdev, VFIO_GROUP_GET_DEVICE_FD, m->uuid);
		say("stretched_rounds=%u", i + 1);
		__atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
		pthread_join(taker, NULL);
		supply(&bad);
		pthread_join(caller, NULL);
		return m->device < 0 ? 3 : 0;
	}
	return 2;
}

static void stretched(void)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
	struct box b = { 0 }, m = { 0 };
	int status, mdev, sig;
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	box_open_pci(&b);
	box_map(&b);
	mdev = open_mdev_group(&m);
	say("tgid=%d", getpid());
	pid = forked();
	if (!pid)
		_exit(stretch(&b, &m, mdev));
	say("past_tgid=%d", pid);
	if (waitpid(pid, &status, 0) != pid)
		die("the child");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		say("past=killed");
	else
		say("past=%s", !WIFEXITED(status) || WEXITSTATUS(status) > 2 ? "failed" : WEXITSTATUS(status) ? "no" : "yes");
	say_result("now_info", ioctl(b.container, VFIO_IOMMU_GET_INFO, &info));
	__atomic_store_n(&shared->undo, 1, __ATOMIC_RELEASE);
	ready();
	sigwait(&set, &sig);
	say_state("past", &b);
	say_result("free_info", ioctl(b.container, VFIO_IOMMU_GET_INFO, &info));
	say("over=yes");
	wait_quit();
}

/* ---- a number that changes ------------------------------------------------------------------------- */

static struct {
	int number, good, bad;
} swap;

static void *swap_numbers(void *arg)
{
	(void)arg;
	for (;;)
		__atomic_xor_fetch(&swap.number, swap.good ^ swap.bad, __ATOMIC_RELAXED);
	return NULL;
}

/* Where there is no driver no device is opened: which of the containers is it in? */
static bool in_bad_one(int mdev, struct box *m)
{
	m->device = ioctl(mdev, VFIO_GROUP_GET_DEVICE_FD, m->uuid);
	return m->device >= 0 || errno != EINVAL;
}

static void swapped(void)
{
	struct box b = { 0 }, m = { 0 };
	unsigned int refused = 0, i;
	int mdev;

	box_open_pci(&b);
	box_map(&b);
	mdev = open_mdev_group(&m);
	swap.good = open(what_is("admitted") ? "/dev/null" : "/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	swap.number = swap.bad = b.container;
	say("tgid=%d", getpid());
	if (!what_is("admitted") && box_try_invalidate(&b))
		die("invalidate");
	run_thread(swap_numbers, NULL);
	for (i = 0; i < opt.rounds; i++) {
		if (ioctl(mdev, VFIO_GROUP_SET_CONTAINER, &swap.number)) {
			if (!(++refused % 8))
				pause_ms(2);
			continue;
		}
		if (in_bad_one(mdev, &m))
			break;
		if (group_unset(mdev))
			die("VFIO_GROUP_UNSET_CONTAINER");
	}
	if (i == opt.rounds) {
		say("swapped=no");
		return;
	}
	say("swapped_rounds=%u", i + 1);
	say_result("swapped", m.device);
	say_state("meanwhile", &b);
	say_result("swapped_later", ioctl(mdev, VFIO_GROUP_GET_DEVICE_FD, m.uuid));
}

/* ---- containers of nobody -------------------------------------------------------------------------- */

static void driverless(void)
{
	struct rlimit many = { .rlim_cur = opt.rounds + 64, .rlim_max = opt.rounds + 64 };
	struct unmap all = { .argsz = sizeof(all), .flags = VADDR | ALL };
	struct box b = { 0 }, m = { 0 };
	int mdev;

	box_open_pci(&b);
	box_map(&b);
	mdev = open_mdev_group(&m);
	say("tgid=%d", getpid());
	join("join_before", mdev, &b);
	if (setrlimit(RLIMIT_NOFILE, &many))
		die("RLIMIT_NOFILE");
	for (unsigned int i = 0; i < opt.rounds; i++) {
		int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

		if (container < 0 || !ioctl(container, VFIO_IOMMU_UNMAP_DMA, &all))
			die("a container without a group");
	}
	join("join_beside", mdev, &b);
}

/* ---- a window whose opener was answered with an error --------------------------------------------- */

static void window(void)
{
	struct box b = { 0 };
	struct unmap *writable, *arg = read_only(&writable);

	box_open_pci(&b);
	box_map(&b);
	box_say(&b, "");
	*writable = unmap_of(&b, VADDR);
	say_result("window", ioctl(b.container, VFIO_IOMMU_UNMAP_DMA, arg));
	__atomic_store_n(&shared->undo, 1, __ATOMIC_RELEASE);
	ready();
	wait_quit();
	say_state("window", &b);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	if (what_is("arguments"))
		return act_run(arguments, REACH_END);
	if (what_is("orders"))
		return act_run(orders, REACH_END);
	if (what_is("names"))
		return act_run(by_other_names, REACH_END);
	if (what_is("hands"))
		return act_run(in_other_hands, REACH_END);
	if (what_is("stalled"))
		return act_run(stalled, REACH_END);
	if (what_is("left"))
		return act_run(stalled, REACH_READY);
	if (what_is("driverless"))
		return act_run(driverless, REACH_END);
	if (what_is("full"))
		return act_run(full, REACH_END);
	if (what_is("stretched"))
		return act_run(stretched, REACH_READY);
	if (what_is("swapped") || what_is("admitted"))
		return act_run(swapped, REACH_END);
	if (what_is("window"))
		return act_run(window, REACH_READY);
	errno = EINVAL;
	die("--what %s", opt.what);
}
