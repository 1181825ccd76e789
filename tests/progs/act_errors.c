// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_errors - calls that fail, each for one reason
 *
 * --pci is needed: --what type1: a group of vfio-pci; --what iommufd: a device of
 * /dev/vfio/devices. A line for each call: its name and the errno it ended with.
 * What the entry limit of type1 (dma_entry_limit) is when it starts is what
 * "nospace" runs into; it has to be 3.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "act.h"
#include "iommufd.h"

#define PAGE 4096ULL

static struct box box;

static void told(const char *name, int r)
{
	say("%s=%s", name, r ? strerrorname_np(errno) : "ok");
}

/* No CAP_IPC_LOCK, and so many bytes. */
static void limit(__u64 bytes)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	struct rlimit r = { bytes, bytes };

	if (setrlimit(RLIMIT_MEMLOCK, &r) || syscall(SYS_capget, &head, data))
		die("setrlimit, capget");
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &head, data))
		die("capset");
}

/* ---- type1 ----------------------------------------------------------------------- */

static int map(__u32 argsz, __u32 flags, __u64 vaddr, __u64 iova, __u64 size)
{
	struct vfio_iommu_type1_dma_map arg = { .argsz = argsz, .flags = flags, .vaddr = vaddr, .iova = iova, .size = size };

	return ioctl(box.container, VFIO_IOMMU_MAP_DMA, &arg);
}

static int unmap(__u32 flags, __u64 iova, __u64 size)
{
	struct vfio_iommu_type1_dma_unmap arg = { .argsz = sizeof(arg), .flags = flags, .iova = iova, .size = size };

	return ioctl(box.container, VFIO_IOMMU_UNMAP_DMA, &arg);
}

static void type1(void)
{
	const __u32 rw = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE, vaddr = VFIO_DMA_MAP_FLAG_VADDR;
	const __u32 size = sizeof(struct vfio_iommu_type1_dma_map);
	__u64 mem, at = opt.iova;

	box_open_pci(&box);
	box_memory(&box);
	mem = (__u64)(unsigned long)box.mem;
	told("argsz", map(16, rw, mem, at, PAGE));
	told("flags", map(size, 0x100, mem, at, PAGE));
	told("align", map(size, rw, mem, at + 8, PAGE));
	told("noflags", map(size, 0, mem, at, PAGE));
	told("fault", map(size, rw, 0x1000, at, PAGE));
	told("first", map(size, rw, mem, at, 4 * PAGE));
	told("exists", map(size, rw, mem, at + PAGE, PAGE));
	told("second", map(size, rw, mem, at + 16 * PAGE, PAGE));
	told("third", map(size, rw, mem, at + 32 * PAGE, PAGE));
	told("nospace", map(size, rw, mem, at + 48 * PAGE, PAGE));
	told("cut", unmap(0, at + PAGE, PAGE));
	told("valid", map(size, vaddr, mem, at, 4 * PAGE));
	told("invalidate", unmap(VFIO_DMA_UNMAP_FLAG_VADDR, at, 4 * PAGE));
	told("again", unmap(VFIO_DMA_UNMAP_FLAG_VADDR, at, 4 * PAGE));
	told("length", map(size, vaddr, mem, at, PAGE));
	told("nothing", map(size, vaddr, mem, at + 64 * PAGE, PAGE));
	told("restore", map(size, vaddr, mem, at, 4 * PAGE));
	told("unmap", unmap(0, at + 32 * PAGE, PAGE));
	limit(64 * PAGE);
	told("limit", map(size, rw, mem, at + 1024 * PAGE, 128 * PAGE));
}

/* ---- iommufd ------------------------------------------------------------------------ */

static void iommufd(void)
{
	struct fd_bind bind = { .argsz = sizeof(bind) };
	struct fd_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct fd_attach attach = { .argsz = sizeof(attach) };
	struct fd_ioas_map arg = { .size = sizeof(arg), .flags = FD_MAP_FIXED | FD_MAP_READ | FD_MAP_WRITE, .length = 4 * PAGE };
	struct fd_ioas_unmap undo = { .size = sizeof(undo), .length = PAGE };
	int fd = open("/dev/iommu", O_RDWR), device = open(opt.pci, O_RDWR);
	__u32 change[2] = { sizeof(change), 0 };

	bind.iommufd = fd;
	if (fd < 0 || device < 0 || ioctl(device, FD_DEVICE_BIND, &bind) || ioctl(fd, FD_IOAS_ALLOC, &alloc))
		die("/dev/iommu, %s", opt.pci);
	attach.ioas = arg.ioas = undo.ioas = alloc.ioas;
	if (ioctl(device, FD_DEVICE_ATTACH, &attach))
		die("attach");
	box.memfd = -1;
	box.size = opt.size;
	box_memory(&box);
	limit(64 * PAGE);
	arg.vaddr = (__u64)(unsigned long)box.mem;
	arg.iova = undo.iova = opt.iova;
	told("map", ioctl(fd, FD_IOAS_MAP, &arg));
	told("overlap", ioctl(fd, FD_IOAS_MAP, &arg));
	told("change", ioctl(fd, FD_CHANGE_PROCESS, change));
	undo.iova += 64 * PAGE;
	told("nothing", ioctl(fd, FD_IOAS_UNMAP, &undo));
	arg.iova += 1024 * PAGE;
	arg.length = 128 * PAGE;
	told("limit", ioctl(fd, FD_IOAS_MAP, &arg));
	arg.ioas = 9999;
	told("noioas", ioctl(fd, FD_IOAS_MAP, &arg));
}

static void actor(void)
{
	say("tgid=%d", getpid());
	if (what_is("iommufd"))
		iommufd();
	else
		type1();
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	what_is("type1");
	return act_run(actor, REACH_END);
}
