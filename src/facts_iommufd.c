// SPDX-License-Identifier: GPL-2.0-only
/*
 * facts_iommufd.c - one process takes over what another has mapped
 * (facts_iommufd.h). The child does system calls only.
 */
#include "facts_iommufd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "util.h"

/* 1 with CAP_IPC_LOCK, 0 without, -errno. */
static int keep_ipc_lock(bool keep)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
	__u32 bit = CAP_TO_MASK(CAP_IPC_LOCK), *caps = &data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective;

	if (syscall(SYS_capget, &header, data))
		return -errno;
	if (keep || !(*caps & bit))
		return !!(*caps & bit);
	*caps &= ~bit;
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

/* In the child. 0 or -errno. */
static int map_page(int iommufd, bool ipc_lock)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.length = sysconf(_SC_PAGESIZE),
	};
	int r = keep_ipc_lock(ipc_lock);

	if (r < 0)
		return r;
	if (r != ipc_lock)
		return -EPERM;
	map.fd = memfd_create("fdpin-trace doctor", MFD_CLOEXEC);
	if (map.fd < 0 || ftruncate(map.fd, map.length) || ioctl(iommufd, IOMMU_IOAS_ALLOC, &alloc))
		return -errno;
	map.ioas_id = alloc.out_ioas_id;
	return ioctl(iommufd, IOMMU_IOAS_MAP_FILE, &map) ? -errno : 0;
}

static void __attribute__((noreturn)) child(int iommufd, bool ipc_lock, const int hold[2], int result)
{
	int r;
	char end;

	close(hold[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = map_page(iommufd, ipc_lock);
	if (write(result, &r, sizeof(r)) == sizeof(r) && read(hold[0], &end, 1))
		_exit(1);
	_exit(0);
}

/* What the child says it came to; the parent's ends of both pipes in hold[1] and result[0]. */
static int start(struct takeover *t, bool ipc_lock, const int hold[2], const int result[2])
{
	int r;

	t->child = fork();
	if (t->child < 0)
		return -errno;
	if (!t->child)
		child(t->iommufd, ipc_lock, hold, result[1]);
	close(result[1]);
	return read(result[0], &r, sizeof(r)) == sizeof(r) ? r : -EIO;
}

int takeover_prepare(struct takeover *t, bool ipc_lock)
{
	int hold[2], result[2], r;

	*t = (struct takeover){ .iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC), .hold = -1, .child = -1 };
	if (t->iommufd < 0)
		return -errno;
	if (pipe2(hold, O_CLOEXEC))
		return -errno;
	t->hold = hold[1];
	if (pipe2(result, O_CLOEXEC)) {
		r = -errno;
		close(hold[0]);
		return r;
	}
	r = start(t, ipc_lock, hold, result);
	if (t->child < 0)
		close(result[1]);
	close(result[0]);
	close(hold[0]);
	return r;
}

int takeover_call(const struct takeover *t)
{
	struct iommu_ioas_change_process change = { .size = sizeof(change) };

	return ioctl(t->iommufd, IOMMU_IOAS_CHANGE_PROCESS, &change) ? -errno : 0;
}

void takeover_end(struct takeover *t)
{
	closep(&t->hold);
	closep(&t->iommufd);
	while (t->child > 0 && waitpid(t->child, NULL, 0) < 0 && errno == EINTR)
		;
}
