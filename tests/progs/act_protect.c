// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_protect - gets at a process and at what it has of BPF:
 *
 *   act_protect reach TGID	tries each way there is, and says what came of it; what gets through changes nothing
 *   act_protect disarm TGID	changes the guard's policy, in its map: rules that deny with EBUSY are off
 *
 * Which maps, programs and links it has is read in its fdinfo, which is open to whoever may read of it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

#define IDS_MAX 128
#define DENY 2 /* as bpf/events.h has it */

enum kind { MAP, PROGRAM, LINK, KINDS };

static const struct {
	const char *word, *key;
	int cmd;
} kinds[KINDS] = {
	{ "map", "map_id:\t%u", BPF_MAP_GET_FD_BY_ID },
	{ "program", "prog_id:\t%u", BPF_PROG_GET_FD_BY_ID },
	{ "link", "link_id:\t%u", BPF_LINK_GET_FD_BY_ID },
};

static __u32 ids[KINDS][IDS_MAX];
static unsigned int n_ids[KINDS];
static int bpf_fd = -1; /* a number among his, of a map */

static int bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static const char *came(long r)
{
	return r >= 0 ? "done" : strerrorname_np(errno);
}

static void read_fdinfo(pid_t tgid, const char *name)
{
	char path[64], line[256];
	__u32 id;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.20s", tgid, name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		for (int k = 0; k < KINDS; k++)
			if (sscanf(line, kinds[k].key, &id) == 1 && n_ids[k] < IDS_MAX) {
				ids[k][n_ids[k]++] = id;
				if (k == MAP)
					bpf_fd = atoi(name);
			}
	if (f)
		fclose(f);
}

static void read_ids(pid_t tgid)
{
	char path[64];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", tgid);
	dir = opendir(path);
	if (!dir)
		die("%s", path);
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.')
			read_fdinfo(tgid, d->d_name);
	closedir(dir);
	for (int k = 0; k < KINDS; k++)
		if (!n_ids[k])
			die("%d has no %s", tgid, kinds[k].word);
}

static int fd_of(enum kind kind, __u32 id)
{
	union bpf_attr attr = { .map_id = id };

	return bpf(kinds[kind].cmd, &attr);
}

/* The same for all, or "mixed". */
static void try_ids(enum kind kind)
{
	const char *all = NULL;

	for (unsigned int i = 0; i < n_ids[kind]; i++) {
		int fd = fd_of(kind, ids[kind][i]);
		const char *one = came(fd);

		all = !all || !strcmp(all, one) ? one : "mixed";
		if (fd >= 0)
			close(fd);
	}
	say("%s=%s", kinds[kind].word, all);
}

static void try_ptrace(pid_t tgid)
{
	int status;
	long r = ptrace(PTRACE_SEIZE, tgid, 0, 0);

	say("seize=%s", came(r));
	if (!r && (ptrace(PTRACE_INTERRUPT, tgid, 0, 0) || waitpid(tgid, &status, __WALL) != tgid || ptrace(PTRACE_DETACH, tgid, 0, 0)))
		die("seized, and not let go");
	r = ptrace(PTRACE_ATTACH, tgid, 0, 0);
	say("attach=%s", came(r));
	if (!r && (waitpid(tgid, &status, __WALL) != tgid || ptrace(PTRACE_DETACH, tgid, 0, 0)))
		die("attached, and not let go");
}

/* The last word of its stack, which nothing uses; it is written as it was. */
static __u64 end_of_stack(pid_t tgid)
{
	unsigned long long start, end;
	char path[64], line[512];
	__u64 found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", tgid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "[stack]") && sscanf(line, "%llx-%llx", &start, &end) == 2)
			found = end - sizeof(__u64);
	if (f)
		fclose(f);
	say("maps=%s", found ? "done" : "none");
	return found;
}

static void try_memory(pid_t tgid)
{
	__u64 at = end_of_stack(tgid), word = 0;
	struct iovec mine = { &word, sizeof(word) }, its = { (void *)(unsigned long)at, sizeof(word) };
	char path[64];
	int fd;

	say("readv=%s", came(process_vm_readv(tgid, &mine, 1, &its, 1, 0)));
	say("writev=%s", came(process_vm_writev(tgid, &mine, 1, &its, 1, 0)));
	snprintf(path, sizeof(path), "/proc/%d/mem", tgid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	say("mem=%s", came(fd));
	if (fd >= 0)
		close(fd);
}

static void try_pidfd(pid_t tgid)
{
	int pidfd = syscall(SYS_pidfd_open, tgid, 0), fd;

	if (pidfd < 0)
		die("pidfd_open");
	fd = syscall(SYS_pidfd_getfd, pidfd, bpf_fd, 0);
	say("getfd=%s", came(fd));
	say("signal=%s", came(syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0)));
}

/* Every value of this rule's, wherever in it: action, then errno. */
static unsigned int disarm_value(char *value, size_t size)
{
	unsigned int n = 0;

	for (size_t i = 0; i + 2 * sizeof(__u32) <= size; i += sizeof(__u32)) {
		__u32 *word = (__u32 *)(value + i);

		if (word[0] != DENY || word[1] != EBUSY)
			continue;
		word[0] = 0;
		n++;
	}
	return n;
}

static unsigned int disarm_map(__u32 id)
{
	struct bpf_map_info info = {};
	union bpf_attr attr = { .info = { .bpf_fd = fd_of(MAP, id), .info_len = sizeof(info), .info = (unsigned long)&info } };
	int fd = attr.info.bpf_fd;
	unsigned int n = 0;
	__u32 key = 0;
	char *value;

	if (fd < 0)
		die("map %u", id);
	if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr))
		die("map %u: its info", id);
	value = strstr(info.name, ".bss") ? calloc(1, info.value_size) : NULL;
	if (value) {
		attr = (union bpf_attr){ .map_fd = fd, .key = (unsigned long)&key, .value = (unsigned long)value };
		if (bpf(BPF_MAP_LOOKUP_ELEM, &attr))
			die("map %u: to read", id);
		n = disarm_value(value, info.value_size);
		if (n && bpf(BPF_MAP_UPDATE_ELEM, &attr))
			die("map %u: to write", id);
		free(value);
	}
	close(fd);
	return n;
}

int main(int argc, char **argv)
{
	pid_t tgid = argc == 3 ? atoi(argv[2]) : 0;
	unsigned int n = 0;

	if (tgid <= 0)
		die("usage: act_protect reach|disarm TGID");
	read_ids(tgid);
	if (!strcmp(argv[1], "disarm")) {
		for (unsigned int i = 0; i < n_ids[MAP]; i++)
			n += disarm_map(ids[MAP][i]);
		say("disarmed=%u", n);
		return !n;
	}
	for (int k = 0; k < KINDS; k++)
		try_ids(k);
	try_ptrace(tgid);
	try_memory(tgid);
	try_pidfd(tgid);
	return 0;
}
