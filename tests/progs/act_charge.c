// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_charge - what is charged, over exec and from process to process
 *
 * --pci is needed: a group of vfio-pci for what type1 does, a device of
 * /dev/vfio/devices for what iommufd does. --size is that of the memory, 256
 * KiB if not given. Each step says VmLck and VmPin of the process.
 *
 *   type1		a child, to which the files are inherited, restores the
 *			range that its parent has invalidated, and unmaps it
 *   drop		the new program neither restores nor unmaps, and ends
 *   keep		the new program neither restores nor unmaps, and stays
 *   none, user, mm	iommufd: mapped from a file with CAP_IPC_LOCK, without, and
 *			with the rlimit mode that counts in the mm; then exec,
 *			IOMMU_IOAS_CHANGE_PROCESS, unmap
 *   several		iommufd, as user: child and parent take the charge in turn
 *   attach		iommufd, as user: mapped before the device is attached; it is
 *			detached, attached again, and closed
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"
#include "iommufd.h"


static int iommu, ioas;

static void say_counters(const char *key)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		char *value = line + 6 + strspn(line + 6, "\t ");

		if (!strncmp(line, "VmLck:", 6) || !strncmp(line, "VmPin:", 6))
			say("%s_%s=%.*s", key, line[2] == 'L' ? "vmlck" : "vmpin", (int)strcspn(value, " \n"), value);
	}
	if (f)
		fclose(f);
}

static void change_process(const char *key)
{
	__u32 arg[2] = { sizeof(arg), 0 };

	say("%s_change=%s", key, ioctl(iommu, FD_CHANGE_PROCESS, arg) ? strerrorname_np(errno) : "ok");
	say_counters(key);
}

static void fd_unmap(const struct box *b)
{
	struct fd_ioas_unmap arg = { .size = sizeof(arg), .ioas = ioas, .iova = b->iova, .length = b->size };

	if (ioctl(iommu, FD_IOAS_UNMAP, &arg))
		die("IOMMU_IOAS_UNMAP");
	say_counters("end");
}

/* The kernel writes into the argument which page table it has made. */
static void attach(const struct box *b)
{
	struct fd_attach arg = { .argsz = sizeof(arg), .ioas = ioas };

	if (ioctl(b->device, FD_DEVICE_ATTACH, &arg))
		die("VFIO_DEVICE_ATTACH_IOMMUFD_PT");
}

/* A context, an ioas with the device attached, and a file mapped in it. */
static void fd_setup(struct box *b)
{
	struct fd_bind bind = { .argsz = sizeof(bind) };
	struct fd_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct fd_option mode = { .size = sizeof(mode), .id = FD_OPTION_RLIMIT_MODE, .value = 1 };
	struct fd_ioas_map_file map = { .size = sizeof(map), .flags = FD_MAP_FIXED | FD_MAP_READ | FD_MAP_WRITE };

	b->memfd = -1;
	iommu = open("/dev/iommu", O_RDWR);
	b->device = open(opt.pci, O_RDWR);
	if (iommu < 0 || b->device < 0)
		die("/dev/iommu, %s", opt.pci);
	if (what_is("mm") && ioctl(iommu, FD_OPTION, &mode))
		die("IOMMU_OPTION_RLIMIT_MODE");
	bind.iommufd = iommu;
	if (ioctl(b->device, FD_DEVICE_BIND, &bind) || ioctl(iommu, FD_IOAS_ALLOC, &alloc))
		die("bind, ioas");
	map.ioas = ioas = alloc.ioas;
	if (!what_is("attach"))
		attach(b);
	b->iova = opt.iova;
	b->size = opt.size;
	box_memory(b);
	map.fd = b->memfd;
	map.length = b->size;
	map.iova = b->iova;
	if (!what_is("none"))
		drop_ipc_lock(); /* who has it is charged nowhere, whatever the mode */
	if (ioctl(iommu, FD_IOAS_MAP_FILE, &map))
		die("IOMMU_IOAS_MAP_FILE");
	say("tgid=%d", getpid());
	say("container_fd=%d", iommu);
	say_counters("mapped");
}

/* Runs in the new image: it has nothing but the numbers of the files. */
static int successor(char **argv)
{
	struct box b = { .iova = strtoull(argv[5], NULL, 0), .size = strtoull(argv[6], NULL, 0) };

	opt.what = argv[2];
	iommu = atoi(argv[3]);
	ioas = atoi(argv[4]);
	say("successor_tgid=%d", getpid());
	say_counters("exec");
	if (what_is("drop"))
		return 0;
	if (what_is("keep")) {
		say("ready");
		pause();
	}
	change_process("changed");
	fd_unmap(&b);
	return 0;
}

static void replace(const struct box *b)
{
	char arg[4][32];

	for (int fd = 3; fd < 64; fd++)
		fcntl(fd, F_SETFD, 0);
	snprintf(arg[0], sizeof(arg[0]), "%d", iommu);
	snprintf(arg[1], sizeof(arg[1]), "%d", ioas);
	snprintf(arg[2], sizeof(arg[2]), "%llu", (unsigned long long)b->iova);
	snprintf(arg[3], sizeof(arg[3]), "%llu", (unsigned long long)b->size);
	execl("/proc/self/exe", "successor", "--successor", opt.what, arg[0], arg[1], arg[2], arg[3], NULL);
	die("execl");
}

static void wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status)
		die("the child");
}

/* ---- two processes ---------------------------------------------------------- */

static void restore_and_unmap(void *arg)
{
	struct box *b = arg;

	say("successor_tgid=%d", getpid());
	munmap(b->mem, b->size);
	box_memory(b);
	box_revalidate(b);
	say_counters("child");
	box_unmap(b);
	say_counters("end");
}

static void take(void *arg)
{
	(void)arg;
	say("successor_tgid=%d", getpid());
	change_process("child");
}

static void take_and_unmap(void *arg)
{
	change_process("again");
	fd_unmap(arg);
}

static void attach_and_detach(struct box *b)
{
	__u32 detach[2] = { sizeof(detach), 0 };

	attach(b);
	say_counters("attached");
	if (ioctl(b->device, FD_DEVICE_DETACH, detach))
		die("VFIO_DEVICE_DETACH_IOMMUFD_PT");
	say_counters("detached");
	attach(b);
	close(b->device);
	say_counters("closed");
	close(iommu);
}

static void actor(void)
{
	struct box b = { 0 };

	if (what_is("type1") || what_is("drop") || what_is("keep")) {
		box_open_pci(&b);
		box_map(&b);
		box_say(&b, "");
		say_counters("mapped");
		if (!what_is("type1"))
			replace(&b);
		box_invalidate(&b);
		wait_for(fork_holder(restore_and_unmap, &b));
	} else {
		fd_setup(&b);
		if (what_is("attach")) {
			attach_and_detach(&b);
			return;
		}
		if (!what_is("several"))
			replace(&b);
		wait_for(fork_holder(take, NULL));
		change_process("parent");
		wait_for(fork_holder(take_and_unmap, &b));
	}
	say_counters("parent_end");
}

int main(int argc, char **argv)
{
	if (argc == 7 && !strcmp(argv[1], "--successor"))
		return successor(argv);
	opt.size = 256 << 10;
	act_options(argc, argv);
	return act_run(actor, REACH_END);
}
