// SPDX-License-Identifier: GPL-2.0-only
/*
 * calls [CDEV] - makes the calls that it reads, as another process than the one
 * they are about, and says what came of each. A line of standard input is one of
 *
 *   map TGID FD START LENGTH IOVA FLAGS	IOMMU_IOAS_MAP_FILE of that process's
 *		descriptor, on a fresh ioas that CDEV, of /dev/vfio/devices, is
 *		attached to afterwards, and on one that it is attached to already:
 *		"unattached=ok then_attach=EINVAL attached=EINVAL"
 *   hold TGID FD	that process's descriptor of a context: "held=ok"
 *   change		IOMMU_IOAS_CHANGE_PROCESS of it: "change=EINVAL"
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "act.h"
#include "iommufd.h"

static const char *cdev;

/* The descriptor of another process, as one of ours. */
static int borrow(int tgid, int fd)
{
	int pidfd = syscall(SYS_pidfd_open, tgid, 0), ours = -1;

	if (pidfd < 0 || (ours = syscall(SYS_pidfd_getfd, pidfd, fd, 0)) < 0)
		die("descriptor %d of %d", fd, tgid);
	close(pidfd);
	return ours;
}

static const char *result(int r)
{
	return r ? strerrorname_np(errno) : "ok";
}

static int attach(int iommu, __u32 ioas, int *ret_device)
{
	struct fd_bind bind = { .argsz = sizeof(bind), .iommufd = iommu };
	struct fd_attach arg = { .argsz = sizeof(arg), .ioas = ioas };

	*ret_device = open(cdev, O_RDWR | O_CLOEXEC);
	if (*ret_device < 0 || ioctl(*ret_device, FD_DEVICE_BIND, &bind))
		die("%s", cdev);
	return ioctl(*ret_device, FD_DEVICE_ATTACH, &arg);
}

/* Mapped first and attached then, or the other way round: what came of each in words[0], words[1]. */
static void map(struct fd_ioas_map_file call, bool attach_first, const char *words[2])
{
	int iommu = open("/dev/iommu", O_RDWR | O_CLOEXEC), device;
	struct fd_ioas_alloc alloc = { .size = sizeof(alloc) };

	if (iommu < 0 || ioctl(iommu, FD_IOAS_ALLOC, &alloc))
		die("/dev/iommu");
	call.ioas = alloc.ioas;
	if (attach_first)
		words[1] = result(attach(iommu, call.ioas, &device));
	words[0] = result(ioctl(iommu, FD_IOAS_MAP_FILE, &call));
	if (!attach_first)
		words[1] = result(attach(iommu, call.ioas, &device));
	close(device);
	close(iommu);
}

static void map_line(const char *line)
{
	struct fd_ioas_map_file call = { .size = sizeof(call) };
	long long start, length, iova;
	int tgid, fd;
	const char *before[2], *after[2];

	if (sscanf(line, "map %d %d %lli %lli %lli %i", &tgid, &fd, &start, &length, &iova, (int *)&call.flags) != 6)
		die("no call: %s", line);
	call.fd = borrow(tgid, fd);
	call.start = start;
	call.length = length;
	call.iova = iova;
	map(call, false, before);
	map(call, true, after);
	say("unattached=%s then_attach=%s attached=%s", before[0], before[1], after[0]);
	close(call.fd);
}

int main(int argc, char **argv)
{
	int tgid, fd, context = -1;
	char line[256];

	cdev = argc > 1 ? argv[1] : "";
	while (fgets(line, sizeof(line), stdin)) {
		if (!strncmp(line, "map ", 4)) {
			map_line(line);
		} else if (sscanf(line, "hold %d %d", &tgid, &fd) == 2) {
			context = borrow(tgid, fd);
			say("held=ok");
		} else if (!strcmp(line, "change\n")) {
			struct fd_change_process change = { .size = sizeof(change) };

			say("change=%s", result(ioctl(context, FD_CHANGE_PROCESS, &change)));
		} else {
			die("no such line: %s", line);
		}
	}
	return 0;
}
