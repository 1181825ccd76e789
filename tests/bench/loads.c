// SPDX-License-Identifier: GPL-2.0-only
/*
 * loads - the loads that the benchmark puts on the kernel, and what an operation of each costs
 *
 *	loads [--pci GROUP] [--cdev NAME] [--mcdev NAME] [--share N] LOAD...
 *	loads --pci GROUP --pci GROUP... --storm N
 *
 * For --icount VMs, where a nanosecond is an instruction and there is one
 * processor. For each load one line, separated by tabs:
 *
 *	name, operations measured, traced calls in one operation,
 *	caller's instructions for one operation: the median of the rounds, the least, the most
 *	instructions of everybody for one operation
 *
 * The caller's are by its own CPU clock. Everybody's are by the scheduler's sum of
 * what ran on the processor (/proc/schedstat), from before the first round until
 * whoever reads records has had DRAIN_MS to be done with them and a whole number of
 * seconds is over, less what ran in as many seconds without load: what tracers do by
 * the clock they do once a second or oftener. --share 4 makes a fourth of the rounds.
 *
 * Every load runs in a process of its own, so that one which has nothing to do with
 * VFIO really has not. --cdev and --mcdev are devices of /dev/vfio/devices, behind an
 * IOMMU and mediated, for the loads of iommufd.
 *
 * --storm is for other VMs: a process for each GROUP, each on a processor of its own,
 * maps and unmaps a page N times, all at once, when standard input ends. For each
 * a line "storm, processor, tgid, calls".
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../progs/act.h"
#include "../progs/iommufd.h"

#define DRAIN_MS 500
#define SECOND_NS 1000000000ULL
#define MAX_ROUNDS 64
#define MAX_GROUPS 8

static struct box box;
static const char *pci, *cdev, *mcdev;
static int iommu = -1;
static __u32 ioas;
static int pipe_fds[2];

/* ---- the loads: what is done before, and one operation -------------------------- */

static void memory(size_t size, int flags)
{
	box.size = size;
	/* aligned for huge pages, and there before it is mapped */
	box.mem = mmap((void *)0x7000000000, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | flags, -1, 0);
	if (box.mem == MAP_FAILED)
		die("mmap of %zu bytes", size);
	madvise(box.mem, size, MADV_HUGEPAGE);
	memset(box.mem, 1, size);
}

static void open_pci_with(size_t size, int flags)
{
	opt.pci = pci;
	box_open_pci(&box);
	memory(size, flags);
}

static void setup_4k(void) { open_pci_with(4096, 0); }
static void setup_2m(void) { open_pci_with(2 << 20, 0); }
static void setup_1g(void) { open_pci_with(1 << 30, MAP_HUGETLB); }

static void map_unmap(void)
{
	if (box_try_map(&box))
		die("map");
	box_unmap(&box);
}

static void setup_mdev(void)
{
	opt.len = 4096;
	box_open(&box);
	box_open_device(&box);
	box_map(&box);
	memset(box.mem, 1, box.size);
}

static void pin_unpin(void)
{
	box_command(&box, FDPIN_OP_PIN, FDPIN_CTX_CALLER, FDPIN_CLOSE_NOTHING);
	box_command(&box, FDPIN_OP_UNPIN, FDPIN_CTX_CALLER, FDPIN_CLOSE_NOTHING);
}

static void dma_rw(void)
{
	box_command(&box, FDPIN_OP_DMA_RW, FDPIN_CTX_CALLER, FDPIN_CLOSE_NOTHING);
}

/* ---- the same through iommufd ---- */

static void open_iommu(const char *device)
{
	struct fd_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct fd_attach attach = { .argsz = sizeof(attach) };
	struct fd_bind bind = { .argsz = sizeof(bind) };
	char path[64];

	box.iova = opt.iova;
	iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (iommu < 0 || ioctl(iommu, FD_IOAS_ALLOC, &alloc))
		die("IOMMU_IOAS_ALLOC");
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", device ?: "");
	box.device = open(path, O_RDWR | O_CLOEXEC);
	bind.iommufd = iommu;
	attach.ioas = ioas = alloc.ioas;
	if (box.device < 0 || ioctl(box.device, FD_DEVICE_BIND, &bind) || ioctl(box.device, FD_DEVICE_ATTACH, &attach))
		die("%s", path);
}

static void fd_map(void)
{
	struct fd_ioas_map map = {
		.size = sizeof(map),
		.flags = FD_MAP_FIXED | FD_MAP_READ | FD_MAP_WRITE,
		.ioas = ioas,
		.vaddr = (__u64)box.mem,
		.length = box.size,
		.iova = box.iova,
	};

	if (ioctl(iommu, FD_IOAS_MAP, &map))
		die("IOMMU_IOAS_MAP");
}

static void fd_map_unmap(void)
{
	struct fd_ioas_unmap unmap = { .size = sizeof(unmap), .ioas = ioas, .iova = box.iova, .length = box.size };

	fd_map();
	if (ioctl(iommu, FD_IOAS_UNMAP, &unmap))
		die("IOMMU_IOAS_UNMAP");
}

static void setup_fd(size_t size)
{
	open_iommu(cdev);
	memory(size, 0);
}

static void setup_fd_4k(void) { setup_fd(4096); }
static void setup_fd_2m(void) { setup_fd(2 << 20); }

static void setup_fd_mdev(void)
{
	opt.len = 4096;
	open_iommu(mcdev);
	memory(2 << 20, 0);
	fd_map();
}

/* ---- ranges ---- */

static unsigned int n_ranges;

static void each_range(int (*act)(struct box *), const char *what)
{
	struct box b = box;

	b.size = 4096;
	for (unsigned int i = 0; i < n_ranges; i++, b.iova += 4096)
		if (act(&b))
			die("%s of range %u", what, i);
}

static void setup_ranges(unsigned int n)
{
	open_pci_with(4096, 0);
	n_ranges = n;
	each_range(box_try_map, "map");
	box.size = n * 4096ULL;
}

static void setup_1(void) { setup_ranges(1); }
static void setup_1000(void) { setup_ranges(1000); }
static void setup_60000(void) { setup_ranges(60000); }

static void invalidate_revalidate(void)
{
	if (box_try_invalidate(&box))
		die("invalidate");
	each_range(box_try_revalidate, "revalidate");
}

static void setup_pipe(void)
{
	if (pipe(pipe_fds))
		die("pipe");
}

static void other_ioctl(void)
{
	int n;

	if (ioctl(pipe_fds[0], FIONREAD, &n))
		die("FIONREAD");
}

static void nothing(void)
{
}

static void open_file(void)
{
	int fd = open("/job", O_RDONLY);

	if (fd < 0)
		die("/job");
	close(fd);
}

static void exec_true(void)
{
	char *argv[] = { "true", NULL }, *envp[] = { NULL };
	int status;
	pid_t pid;

	errno = posix_spawn(&pid, "/bin/true", NULL, NULL, argv, envp);
	if (errno || waitpid(pid, &status, 0) != pid || status)
		die("true");
}

/* Rounds are long enough for a few timer ticks each, so that no round has much more of them than another. */
static const struct load {
	const char *name;
	void (*setup)(void), (*op)(void);
	unsigned int calls; /* that are traced, in one operation */
	unsigned int ops, rounds;
} loads[] = {
	{ "map-4k", setup_4k, map_unmap, 2, 2000, 16 },
	{ "map-2m", setup_2m, map_unmap, 2, 20, 16 },
	{ "map-1g", setup_1g, map_unmap, 2, 1, 2 },
	{ "pin", setup_mdev, pin_unpin, 2, 500, 16 },
	{ "dma-rw", setup_mdev, dma_rw, 1, 4000, 16 },
	{ "fd-map-4k", setup_fd_4k, fd_map_unmap, 2, 500, 16 },
	{ "fd-map-2m", setup_fd_2m, fd_map_unmap, 2, 20, 16 },
	{ "fd-pin", setup_fd_mdev, pin_unpin, 2, 500, 16 },
	{ "invalidate-1", setup_1, invalidate_revalidate, 2, 500, 16 },
	{ "invalidate-1000", setup_1000, invalidate_revalidate, 1001, 3, 16 },
	{ "invalidate-60000", setup_60000, invalidate_revalidate, 60001, 1, 1 },
	{ "ioctl", setup_pipe, other_ioctl, 0, 5000, 16 },
	{ "open", nothing, open_file, 0, 500, 16 },
	{ "exec", nothing, exec_true, 0, 10, 16 },
	{ }
};

/* ---- counting ---------------------------------------------------------------------- */

static __u64 own_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Where the kernel keeps no such sum (CONFIG_SCHEDSTATS): of all that are there; of these loads only exec has processes that end. */
static __u64 sum_of_clocks(void)
{
	DIR *proc = opendir("/proc");
	struct timespec ts;
	struct dirent *d;
	clockid_t clock;
	__u64 sum = 0;

	if (!proc)
		die("/proc");
	while ((d = readdir(proc))) {
		pid_t pid = atoi(d->d_name);

		if (pid && !clock_getcpuclockid(pid, &clock) && !clock_gettime(clock, &ts))
			sum += ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	}
	closedir(proc);
	return sum;
}

/* What ran on the processor, whoever it was. A task is counted when it leaves it, so everybody is asleep once before. */
static __u64 everybodys_clock(void)
{
	unsigned long long ns;
	FILE *f;

	pause_ms(1);
	f = fopen("/proc/schedstat", "re");
	if (!f && errno == ENOENT)
		return sum_of_clocks();
	if (!f || fscanf(f, "version %*d timestamp %*d cpu0 %*d %*d %*d %*d %*d %*d %llu", &ns) != 1)
		die("/proc/schedstat");
	fclose(f);
	return ns;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void sleep_until(__u64 ns)
{
	struct timespec t = { .tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static void measure(const struct load *l, unsigned int rounds)
{
	double each[MAX_ROUNDS], all, ops = (double)rounds * l->ops;
	__u64 began, idle, start, t, seconds;

	l->op();	/* what is only done once is done */
	pause_ms(DRAIN_MS);
	began = now_ns();
	idle = everybodys_clock();
	began += SECOND_NS;
	sleep_until(began);
	start = everybodys_clock();
	idle = start - idle;
	for (unsigned int i = 0; i < rounds; i++) {
		t = own_clock();
		for (unsigned int n = 0; n < l->ops; n++)
			l->op();
		each[i] = (double)(own_clock() - t) / l->ops;
	}
	seconds = (now_ns() + DRAIN_MS * 1000000ULL - began) / SECOND_NS + 1;
	sleep_until(began + seconds * SECOND_NS);
	all = ((double)(everybodys_clock() - start) - (double)(seconds * idle)) / ops;
	qsort(each, rounds, sizeof(each[0]), by_size);
	say("%s\t%.0f\t%u\t%.1f\t%.1f\t%.1f\t%.1f", l->name, ops, l->calls, (each[rounds / 2] + each[(rounds - 1) / 2]) / 2,
	    each[0], each[rounds - 1], all);
}

static const struct load *find_load(const char *name)
{
	for (const struct load *l = loads; l->name; l++)
		if (!strcmp(l->name, name))
			return l;
	errno = ENOENT;
	die("load %s", name);
}

static void run_load(const struct load *l, unsigned int share)
{
	unsigned int rounds = (l->rounds + share - 1) / share;
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		l->setup();
		measure(l, rounds);
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		exit(1);
}

/* ---- a storm -------------------------------------------------------------------------- */

static void storm(const char **groups, unsigned int n_groups, unsigned int n)
{
	cpu_set_t cpus;
	char byte;
	int status;

	for (unsigned int i = 0; i < n_groups; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid)
			continue;
		CPU_ZERO(&cpus);
		CPU_SET(i, &cpus);
		if (sched_setaffinity(0, sizeof(cpus), &cpus))
			die("processor %u", i);
		pci = groups[i];
		setup_4k();
		say("storm\t%u\t%d\t%u", i, getpid(), 2 * n);
		while (read(0, &byte, 1) > 0)
			;
		while (n--)
			map_unmap();
		exit(0);
	}
	for (unsigned int i = 0; i < n_groups; i++)
		if (wait(&status) < 0 || status)
			exit(1);
}

int main(int argc, char **argv)
{
	const char *groups[MAX_GROUPS];
	unsigned int share = 1, n_groups = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--pci") && i + 1 < argc && n_groups < MAX_GROUPS)
			pci = groups[n_groups++] = argv[++i];
		else if (!strcmp(argv[i], "--cdev") && i + 1 < argc)
			cdev = argv[++i];
		else if (!strcmp(argv[i], "--mcdev") && i + 1 < argc)
			mcdev = argv[++i];
		else if (!strcmp(argv[i], "--storm") && i + 1 < argc)
			storm(groups, n_groups, atoi(argv[++i]));
		else if (!strcmp(argv[i], "--share") && i + 1 < argc)
			share = atoi(argv[++i]) ?: 1;
		else
			run_load(find_load(argv[i]), share);
	}
	return 0;
}
