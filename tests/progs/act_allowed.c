// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_allowed - what a guard has no business to refuse
 *
 * --what hand-overs: with --pci: a container without an mdev is invalidated and passed to a new
 * process, which restores it by its own mapping of the same memory, and does the same; --rounds times. Ends by itself.
 * --what elsewhere: with --pci and --other: while a range of one container is invalid, another
 * device and an mdev join another one, and are taken out again. Ends by itself.
 * --what unplugged: with --pci: an mdev is removed from the machine while it is open; who
 * has it lets it go. Its container, where a device is left, is invalidated before and after.
 * Then the mdev is there again. Ends by itself.
 * --what iommufd: with --pci, a group, and --other, of /dev/vfio/devices: while a range of a
 * container is invalid, the other one and an mdev are bound to an iommufd and attached; and
 * what iommufd says of the flag, where it stands for a container. Ends by itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"
#include "iommufd.h"

/* ---- handed over ------------------------------------------------------------------------ */

static struct count {
	unsigned int invalidated, restored;
} *count;

/* Each is there until all after it have ended, as the one before is in an update. */
static void hand_on(struct box *b, unsigned int left)
{
	struct box next = { 0 };
	int pair[2];
	pid_t pid;

	if (!left || box_try_invalidate(b))
		return;
	count->invalidated++;
	open_pair(pair);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		box_receive(&next, pair[1]);
		box_memory(&next);
		if (!box_try_revalidate(&next)) {
			count->restored++;
			hand_on(&next, left - 1);
		}
		_exit(0);
	}
	box_send(b, pair[0]);
	if (waitpid(pid, NULL, 0) != pid)
		die("waitpid");
}

static void hand_overs(void)
{
	struct box b = { 0 };

	count = mmap(NULL, sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (count == MAP_FAILED)
		die("mmap");
	box_open_pci(&b);
	box_map(&b);
	say("tgid=%d", getpid());
	hand_on(&b, opt.rounds);
	say("invalidated=%u", count->invalidated);
	say("restored=%u", count->restored);
}

/* ---- somewhere else ----------------------------------------------------------------------- */

static int open_path(const char *path)
{
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		die("%s", path ? path : "--other");
	return fd;
}

static void invalid_box(struct box *b)
{
	box_open_pci(b);
	box_map(b);
	say("tgid=%d", getpid());
	box_invalidate(b);
}

static void elsewhere(void)
{
	int other = open_path(opt.other), container = open_path("/dev/vfio/vfio"), mdev;
	struct box b = { 0 }, m = { 0 };

	invalid_box(&b);
	mdev = open_mdev_group(&m);
	say_result("other", group_set(other, container));
	say_result("driver", ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	say_result("mdev", group_set(mdev, container));
	say_result("mdev_open", ioctl(mdev, VFIO_GROUP_GET_DEVICE_FD, m.uuid));
	say("state=%s", range_state(&b));
}

/* ---- removed from the machine ----------------------------------------------------------------- */

static void write_file(const char *path, const char *what)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, what, strlen(what)) < 0)
		die("%s", path);
	close(fd);
}

static pid_t unplugger;

/* A signal could end that sleep, so it is none of those that task_asleep() knows. */
static bool waits_for_us(void)
{
	pid_t tid = __atomic_load_n(&unplugger, __ATOMIC_ACQUIRE);
	char path[64], frame[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stack", tid);
	f = tid ? fopen(path, "re") : NULL;
	while (f && fgets(frame, sizeof(frame), f))
		found |= !!strstr(frame, "vfio_unregister_group_dev");
	if (f)
		fclose(f);
	return found;
}

/* It waits until nobody has the device open any more. */
static void *unplug(void *uuid)
{
	char path[PATH_MAX];

	__atomic_store_n(&unplugger, gettid(), __ATOMIC_RELEASE);
	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/remove", (const char *)uuid);
	write_file(path, "1");
	return NULL;
}

static void unplugged(void)
{
	struct box b = { 0 };
	pthread_t thread;

	box_setup(&b);
	say_result("with_mdev", box_try_invalidate(&b));
	if (pthread_create(&thread, NULL, unplug, b.uuid))
		die("thread");
	while (!waits_for_us())
		pause_ms(10);
	say_result("removing", box_try_invalidate(&b));
	close(b.device);
	close(b.group);
	pthread_join(thread, NULL);
	say_result("without_mdev", box_try_invalidate(&b));
	say("state=%s", range_state(&b));
	write_file("/sys/devices/virtual/fdpin_mdev/fdpin_mdev/mdev_supported_types/fdpin_mdev-dma/create", b.uuid);
}

/* ---- iommufd ---------------------------------------------------------------------------------------- */

static void bind_and_attach(const char *what, const char *path, int iommu, __u32 ioas)
{
	int device = open_path(path);
	struct fd_bind bind = { .argsz = sizeof(bind), .iommufd = iommu };
	struct fd_attach attach = { .argsz = sizeof(attach), .ioas = ioas };
	char name[64];

	snprintf(name, sizeof(name), "%s_bind", what);
	say_result(name, ioctl(device, FD_DEVICE_BIND, &bind));
	snprintf(name, sizeof(name), "%s_attach", what);
	say_result(name, ioctl(device, FD_DEVICE_ATTACH, &attach));
}

static void beside_iommufd(void)
{
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .flags = VFIO_DMA_UNMAP_FLAG_VADDR };
	struct fd_ioas_alloc alloc = { .size = sizeof(alloc) };
	int iommu = open_path("/dev/iommu");
	struct box b = { 0 }, m = { 0 };
	struct fd_vfio_ioas compat = { .size = sizeof(compat), .op = FD_VFIO_IOAS_SET };
	char path[128];
	int group;

	invalid_box(&b);
	if (ioctl(iommu, FD_IOAS_ALLOC, &alloc))
		die("IOMMU_IOAS_ALLOC");
	bind_and_attach("device", opt.other, iommu, alloc.ioas);
	group = open_mdev_group(&m);
	close(group);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", mdev_cdev(&m));
	bind_and_attach("mdev", path, iommu, alloc.ioas);
	compat.ioas = alloc.ioas;
	if (ioctl(iommu, FD_VFIO_IOAS, &compat))
		die("IOMMU_VFIO_IOAS");
	unmap.iova = b.iova;
	unmap.size = b.size;
	say_result("flag", ioctl(iommu, VFIO_IOMMU_UNMAP_DMA, &unmap));
	say("state=%s", range_state(&b));
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	if (what_is("hand-overs"))
		return act_run(hand_overs, REACH_END);
	if (what_is("elsewhere"))
		return act_run(elsewhere, REACH_END);
	if (what_is("unplugged"))
		return act_run(unplugged, REACH_END);
	if (what_is("iommufd"))
		return act_run(beside_iommufd, REACH_END);
	errno = EINVAL;
	die("--what %s", opt.what);
}
