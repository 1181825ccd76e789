// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_pci - a container with a real device behind the IOMMU, no mdev
 *
 * --pci GROUP is needed. --what cycle: map, invalidate, restore, unmap, ends.
 * --what invalid: stays with the range invalid: nobody waits, so no verdict.
 * --what exec: invalidates and execs, with the container kept open, and the
 * successor restores and unmaps; what locked memory it shows then is the
 * kernel's exec defect (VmLck), printed as successor_vmlck.
 * --what memory: maps memory of the device beside the range, and execs; the
 * successor unmaps the one, which nobody is charged for at any time, and then the
 * other, which was charged to who is gone.
 * --what leaves: takes the group out of the container while the range is invalid,
 * with which it is gone, and puts it back.
 * --what children: what becomes of an exec by a child that keeps the container,
 * by one that does not, and by one that keeps it when all is valid again.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

static void say_vmlck(const char *key)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "VmLck:", 6))
			say("%s=%.*s", key, (int)strcspn(line + 7, "\n"),
			    line + 7);
	if (f)
		fclose(f);
}

#define BAR_IOVA 0x300000000ULL

/* The whole of its first region, which is to be the device's memory. */
static __u64 map_device_memory(struct box *b)
{
	struct vfio_iommu_type1_dma_map map = { .argsz = sizeof(map), .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE, .iova = BAR_IOVA };
	struct vfio_region_info info = { .argsz = sizeof(info), .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_region_info config = { .argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	__u16 command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	char path[64];
	struct dirent *e;
	DIR *devices;
	void *at;

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%s/devices", strrchr(opt.pci, '/') + 1);
	devices = opendir(path);
	while (devices && (e = readdir(devices)) && e->d_name[0] == '.')
		;
	if (!devices || !e)
		die("%s", path);
	snprintf(b->uuid, sizeof(b->uuid), "%.12s", e->d_name);
	closedir(devices);
	box_open_device(b);
	if (ioctl(b->device, VFIO_DEVICE_GET_REGION_INFO, &info) || ioctl(b->device, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    !(info.flags & VFIO_REGION_INFO_FLAG_MMAP) ||
	    pwrite(b->device, &command, sizeof(command), config.offset + PCI_COMMAND) != sizeof(command))
		die("the first region of %s", b->uuid);
	at = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, b->device, info.offset);
	map.vaddr = (__u64)(unsigned long)at;
	map.size = info.size;
	if (at == MAP_FAILED || ioctl(b->container, VFIO_IOMMU_MAP_DMA, &map))
		die("map the memory of %s", b->uuid);
	say("device_memory=%llu", (unsigned long long)map.size);
	return map.size;
}

static void unmap_device_memory(int container, __u64 size)
{
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = BAR_IOVA, .size = size };

	if (ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap) || unmap.size != size)
		die("unmap the memory of the device");
	say("device_memory_unmapped=%llu", (unsigned long long)unmap.size);
}

/* Runs in the new image: it has nothing but the numbers of the files. */
static int successor(char **argv)
{
	struct box b = {
		.container = atoi(argv[2]),
		.memfd = atoi(argv[3]),
		.iova = strtoull(argv[4], NULL, 0),
		.size = strtoull(argv[5], NULL, 0),
	};

	__u64 memory = strtoull(argv[6], NULL, 0);

	say("successor_tgid=%d", getpid());
	if (memory) {
		unmap_device_memory(b.container, memory);
		box_unmap(&b);
		return 0;
	}
	say_vmlck("successor_vmlck_before");
	box_memory(&b);
	box_revalidate(&b);
	say_vmlck("successor_vmlck_restored");
	box_unmap(&b);
	say_vmlck("successor_vmlck");
	return 0;
}

/* memory: bytes of the device's that are mapped, too. */
static void replace(struct box *b, __u64 memory)
{
	char arg[5][32];

	fcntl(b->container, F_SETFD, 0);
	fcntl(b->group, F_SETFD, 0);
	fcntl(b->memfd, F_SETFD, 0);
	snprintf(arg[0], sizeof(arg[0]), "%d", b->container);
	snprintf(arg[1], sizeof(arg[1]), "%d", b->memfd);
	snprintf(arg[2], sizeof(arg[2]), "%llu", (unsigned long long)b->iova);
	snprintf(arg[3], sizeof(arg[3]), "%llu", (unsigned long long)b->size);
	snprintf(arg[4], sizeof(arg[4]), "%llu", (unsigned long long)memory);
	execl("/proc/self/exe", "successor", "--successor", arg[0], arg[1],
	      arg[2], arg[3], arg[4], NULL);
	die("execl");
}

/* What an exec comes to, of a child that has our files: "done", or its error. */
static void child_execs(const char *when)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		execl("/bin/true", "true", NULL);
		_exit(errno);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		die("the child");
	say("%s=%s", when, WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "done");
}

static void actor(void)
{
	struct box b = { 0 };

	box_open_pci(&b);
	box_map(&b);
	box_say(&b, "");
	say_vmlck("vmlck");
	if (what_is("memory"))
		replace(&b, map_device_memory(&b));
	box_invalidate(&b);
	if (what_is("children")) {
		fcntl(b.container, F_SETFD, 0);
		child_execs("exec_kept");
		fcntl(b.container, F_SETFD, FD_CLOEXEC);
		child_execs("exec_closed");
		fcntl(b.container, F_SETFD, 0);
		box_revalidate(&b);
		child_execs("exec_valid");
		box_invalidate(&b);
	}
	if (what_is("exec"))
		replace(&b, 0);
	if (what_is("invalid"))
		stay();
	if (what_is("leaves")) {
		if (ioctl(b.group, VFIO_GROUP_UNSET_CONTAINER) || ioctl(b.group, VFIO_GROUP_SET_CONTAINER, &b.container) ||
		    ioctl(b.container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
			die("out of the container, and back");
		box_map(&b);
		box_invalidate(&b);
	}
	box_revalidate(&b);
	box_unmap(&b);
	say_vmlck("vmlck_after");
}

int main(int argc, char **argv)
{
	if (argc == 7 && !strcmp(argv[1], "--successor"))
		return successor(argv);
	act_options(argc, argv);
	what_is("cycle");
	return act_run(actor, what_is("invalid") ? REACH_READY : REACH_END);
}
