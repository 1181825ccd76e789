// SPDX-License-Identifier: GPL-2.0-only
/*
 * starts - what it takes to run a command, or to start one until it has told of the first call
 *
 *	starts [--pci GROUP] [--ranges N] [--containers N] [--lines N] [--first TEXT | --bpf 1] -- COMMAND...
 *
 * For --icount VMs, where a nanosecond of a process's CPU time is an instruction.
 * While the command runs, this program has a container with N ranges of a page
 * each, and N containers with nothing in them. Without --first the command runs to
 * its end; with it a page is mapped and unmapped until TEXT is in what the command
 * prints, then it is counted, and ended with SIGINT. Prints one line, separated by
 * tabs: instructions of the command and its children, its largest size in KiB,
 * bytes it has printed; with --bpf those of the instructions that were in BPF
 * programs it has loaded, as the kernel counts them when it is asked to. A command
 * that prints fewer than --lines has not done what was to be counted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../progs/act.h"

static struct box box;

static void map_one_page(void)
{
	box_open_pci(&box);
	box.size = 4096;
	box.mem = mmap(NULL, box.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (box.mem == MAP_FAILED)
		die("mmap");
}

static void have_ranges(unsigned int n)
{
	struct box b = box;

	for (unsigned int i = 0; i < n; i++, b.iova += 4096)
		if (box_try_map(&b))
			die("map of range %u", i);
}

static void have_containers(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC) < 0)
			die("container %u", i);
}

static long bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/*
 * Programs of the command, held so that their counters outlive it. It loads all
 * before the first runs and keeps them while it prints: looked for each
 * millisecond, none is missed that has run for long.
 */
static struct {
	bool on;
	__u32 last_id;
	int fds[1024];
	unsigned int n;
} programs;

static void hold_programs(bool keep)
{
	union bpf_attr attr = { .start_id = programs.last_id };

	while (!bpf(BPF_PROG_GET_NEXT_ID, &attr)) {
		union bpf_attr by_id = { .prog_id = attr.next_id };
		int fd;

		programs.last_id = attr.next_id;
		attr.start_id = attr.next_id;
		if (!keep)
			continue;
		fd = bpf(BPF_PROG_GET_FD_BY_ID, &by_id);
		if (fd < 0)
			continue; /* only tried, and gone */
		if (programs.n == sizeof(programs.fds) / sizeof(*programs.fds))
			die("more than %u programs", programs.n);
		programs.fds[programs.n++] = fd;
	}
}

/* Since the file is open the kernel counts, until we end. */
static void count_programs(void)
{
	union bpf_attr attr = { .enable_stats.type = BPF_STATS_RUN_TIME };

	if (bpf(BPF_ENABLE_STATS, &attr) < 0)
		die("BPF_ENABLE_STATS");
	hold_programs(false);
	programs.on = true;
}

static unsigned long long instructions_in_bpf(void)
{
	unsigned long long sum = 0, runs = 0;

	for (unsigned int i = 0; i < programs.n; i++) {
		struct bpf_prog_info info = { 0 };
		union bpf_attr attr = {
			.info = { .bpf_fd = programs.fds[i], .info_len = sizeof(info), .info = (uintptr_t)&info }
		};

		if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr))
			die("BPF_OBJ_GET_INFO_BY_FD");
		sum += info.run_time_ns;
		runs += info.run_cnt;
	}
	if (!runs)
		die("none of %u programs has run", programs.n);
	return sum;
}

static pid_t run(char **argv, int *ret_out)
{
	int out[2];
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) || fcntl(out[0], F_SETFL, O_NONBLOCK))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		dup2(out[1], STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(out[1]);
	*ret_out = out[0];
	return pid;
}

/* Of all threads of a process, those that have ended too. */
static unsigned long long instructions_of(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	errno = clock_getcpuclockid(pid, &clock);
	if (errno || clock_gettime(clock, &ts))
		die("the clock of process %d", pid);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static size_t lines_in(const char *p)
{
	size_t n = 0;

	while ((p = strchr(p, '\n'))) {
		n++;
		p++;
	}
	return n;
}

/* Bytes printed until its end, or until text is in a piece of it. */
static size_t read_until(int fd, const char *text, size_t *lines)
{
	char buf[65536];
	size_t all = 0;
	ssize_t n;

	for (;;) {
		if (programs.on)
			hold_programs(true);
		n = read(fd, buf, sizeof(buf) - 1);
		if (!n)
			return all;
		if (n < 0 && errno != EAGAIN)
			die("read");
		if (n > 0) {
			buf[n] = '\0';
			all += n;
			*lines += lines_in(buf);
			if (text && strstr(buf, text))
				return all;
			continue;
		}
		if (text) {
			if (box_try_map(&box))
				die("map");
			box_unmap(&box);
		}
		pause_ms(1);
	}
}

int main(int argc, char **argv)
{
	unsigned int ranges = 0, containers = 0, least = 0;
	unsigned long long instructions = 0;
	const char *first = NULL;
	struct rusage usage;
	int status, out;
	size_t bytes, lines = 0;
	pid_t pid;
	int i;

	for (i = 1; i + 1 < argc && strcmp(argv[i], "--"); i += 2) {
		if (!strcmp(argv[i], "--pci"))
			opt.pci = argv[i + 1];
		else if (!strcmp(argv[i], "--ranges"))
			ranges = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--containers"))
			containers = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--lines"))
			least = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--first"))
			first = argv[i + 1];
		else if (!strcmp(argv[i], "--bpf"))
			count_programs();
	}
	if (i + 1 >= argc) {
		fprintf(stderr, "usage: starts [--pci GROUP] [--ranges N] [--containers N] [--lines N] [--first TEXT | "
				"--bpf 1] -- COMMAND...\n");
		return 64;
	}
	if (first || ranges)
		map_one_page();
	have_ranges(ranges);
	have_containers(containers);
	pid = run(argv + i + 1, &out);
	bytes = read_until(out, first, &lines);
	if (first) {
		instructions = instructions_of(pid);
		kill(pid, SIGINT);
		read_until(out, NULL, &lines);
	}
	if (wait4(pid, &status, 0, &usage) != pid || (!first && (!WIFEXITED(status) || WEXITSTATUS(status) > 2)))
		die("%s ended with status %x", argv[i + 1], status);
	if (lines < least)
		die("%s printed %zu lines and not %u", argv[i + 1], lines, least);
	if (!first)
		instructions = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ULL +
			       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ULL;
	printf("%llu\t%ld\t%zu", instructions, usage.ru_maxrss, bytes);
	if (programs.on)
		printf("\t%llu", instructions_in_bpf());
	putchar('\n');
	return 0;
}
