// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_errors - calls that fail, each for one reason
 *
 * --pci is needed: --what type1: a group of vfio-pci, and with --other a second,
 * which is not let in while a range is invalid; --what iommufd: a device of
 * /dev/vfio/devices. --what mdev needs none: an address is to become invalid.
 * --what joins: the group of --pci is to join a container that has mappings of
 * before, which nobody has pinned. --what isolated: it is to be the first in one.
 * --what unanswered: with it, calls that are done and cannot say so.
 * --what viable: it is to be the first in one, then to join that of --other.
 * --what bound: a device of /dev/vfio/devices is to be bound to a context.
 * --what kept needs none: iommufd asks for what a mediated device has pinned.
 * A line for each call: its name and the errno it ended with.
 * What the entry limit of type1 (dma_entry_limit) is when it starts is what
 * "nospace" runs into; it has to be 3.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"
#include "iommufd.h"

#define PAGE 4096ULL
#define MSI 0xfee00000ULL /* where x86 has interrupts */
#define NOWHERE ((void *)16)

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
	int other = opt.other ? open(opt.other, O_RDWR) : -1;
	__u64 mem, at = opt.iova;

	box_open_pci(&box);
	box_memory(&box);
	mem = (__u64)(unsigned long)box.mem;
	told("unreadable", ioctl(box.container, VFIO_IOMMU_MAP_DMA, NOWHERE));
	told("argsz", map(16, rw, mem, at, PAGE));
	told("flags", map(size, 0x100, mem, at, PAGE));
	told("align", map(size, rw, mem, at + 8, PAGE));
	told("noflags", map(size, 0, mem, at, PAGE));
	told("both", map(size, rw | vaddr, mem, at, PAGE));
	told("empty", map(size, rw, mem, at, 0));
	told("wraps", map(size, rw, mem, -PAGE, 2 * PAGE));
	told("outside", map(size, rw, mem, 1ULL << 60, PAGE));
	told("msi", map(size, rw, mem, MSI, PAGE));
	told("fault", map(size, rw, 0x1000, at, PAGE));
	told("first", map(size, rw, mem, at, 4 * PAGE));
	told("exists", map(size, rw, mem, at + PAGE, PAGE));
	told("second", map(size, rw, mem, at + 16 * PAGE, PAGE));
	told("third", map(size, rw, mem, at + 32 * PAGE, PAGE));
	told("nospace", map(size, rw, mem, at + 48 * PAGE, PAGE));
	told("cut", unmap(0, at + PAGE, PAGE));
	told("unmap_empty", unmap(0, at, 0));
	told("unmap_all", unmap(VFIO_DMA_UNMAP_FLAG_ALL, at, PAGE));
	told("unmap_flags", unmap(0x100, at, PAGE));
	told("valid", map(size, vaddr, mem, at, 4 * PAGE));
	told("invalidate", unmap(VFIO_DMA_UNMAP_FLAG_VADDR, at, 4 * PAGE));
	told("again", unmap(VFIO_DMA_UNMAP_FLAG_VADDR, at, 4 * PAGE));
	if (opt.other)
		told("attach", ioctl(other, VFIO_GROUP_SET_CONTAINER, &box.container));
	told("length", map(size, vaddr, mem, at, PAGE));
	told("nothing", map(size, vaddr, mem, at + 64 * PAGE, PAGE));
	told("restore", map(size, vaddr, mem, at, 4 * PAGE));
	told("unmap", unmap(0, at + 32 * PAGE, PAGE));
	limit(64 * PAGE);
	told("limit", map(size, rw, mem, at + 1024 * PAGE, 128 * PAGE));
}

static void mdev(void)
{
	box_open(&box);
	box_open_device(&box);
	box_map(&box);
	told("mediated", box_try_invalidate(&box));
}

/* Its answer is the length, which cannot be written here. */
static int unmap_unanswered(__u32 flags, __u64 iova, __u64 size)
{
	struct vfio_iommu_type1_dma_unmap *arg = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (arg == MAP_FAILED)
		die("mmap");
	*arg = (struct vfio_iommu_type1_dma_unmap){ .argsz = sizeof(*arg), .flags = flags, .iova = iova, .size = size };
	if (mprotect(arg, PAGE, PROT_READ))
		die("mprotect");
	return ioctl(box.container, VFIO_IOMMU_UNMAP_DMA, arg);
}

static void unanswered(void)
{
	struct vfio_iommu_type1_dma_map arg = { .argsz = sizeof(arg), .flags = VFIO_DMA_MAP_FLAG_VADDR };

	box_open_pci(&box);
	box_map(&box);
	told("invalidate", unmap_unanswered(VFIO_DMA_UNMAP_FLAG_VADDR, box.iova, box.size));
	arg.vaddr = (__u64)(unsigned long)box.mem;
	arg.iova = box.iova;
	arg.size = box.size;
	told("restore", ioctl(box.container, VFIO_IOMMU_MAP_DMA, &arg));
	told("unmap", unmap_unanswered(0, box.iova, box.size));
	told("map", box_try_map(&box));
}

/* With an mdev alone a mapping is what its driver asks for; a group pins all of it, and its IOMMU has to reach it. */
static void joins(void)
{
	const __u32 rw = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	const __u32 size = sizeof(struct vfio_iommu_type1_dma_map);
	const char *pci = opt.pci;
	__u64 mem, far = 1ULL << 60;
	int group = open(pci, O_RDWR);

	if (group < 0)
		die("%s", pci);
	opt.pci = NULL; /* the mdev alone */
	box_open(&box);
	box_memory(&box);
	mem = (__u64)(unsigned long)box.mem;
	const struct {
		const char *name;
		__u64 iova, vaddr, size;
	} mappings[] = { { "msi", MSI, mem, PAGE }, { "far", far, mem, PAGE }, { "nothing", opt.iova, 0x1000, PAGE }, { "limit", opt.iova, mem, 128 * PAGE } };

	limit(64 * PAGE);
	for (unsigned int i = 0; i < sizeof(mappings) / sizeof(*mappings); i++) {
		if (map(size, rw, mappings[i].vaddr, mappings[i].iova, mappings[i].size))
			die("VFIO_IOMMU_MAP_DMA %s", mappings[i].name);
		told(mappings[i].name, ioctl(group, VFIO_GROUP_SET_CONTAINER, &box.container));
		if (unmap(0, mappings[i].iova, mappings[i].size))
			die("VFIO_IOMMU_UNMAP_DMA %s", mappings[i].name);
	}
	told("joins", ioctl(group, VFIO_GROUP_SET_CONTAINER, &box.container));
}

static void isolated(void)
{
	int container = open("/dev/vfio/vfio", O_RDWR), group = open(opt.pci, O_RDWR);

	if (container < 0 || group < 0)
		die("%s", opt.pci);
	told("alone", ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container))
		die("%s", opt.pci);
	told("type", ioctl(container, VFIO_SET_IOMMU, 99));
	told("isolated", ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
}

/* In the second one, of --other, there is a driver that would have a say too. */
static void viable(void)
{
	int group = open(opt.pci, O_RDWR), empty = open("/dev/vfio/vfio", O_RDWR);
	const char *pci = opt.pci;

	if (group < 0 || empty < 0)
		die("%s", pci);
	told("empty", ioctl(group, VFIO_GROUP_SET_CONTAINER, &empty));
	ioctl(group, VFIO_GROUP_UNSET_CONTAINER);
	if (!opt.other)
		return;
	opt.pci = opt.other;
	box_open_pci(&box);
	told("other", ioctl(group, VFIO_GROUP_SET_CONTAINER, &box.container));
}

/* ---- iommufd ------------------------------------------------------------------------ */

/* What is mapped, the device and the limit: all that a call of it needs. */
static int iommu, device;
static __u32 ioas;

static int fd_map(__u32 flags, __u32 to, __u64 vaddr, __u64 iova, __u64 length)
{
	struct fd_ioas_map arg = { sizeof(arg), FD_MAP_FIXED | flags, to, 0, vaddr, length, iova };

	return ioctl(iommu, FD_IOAS_MAP, &arg);
}

/* The argument says that it has so many bytes, the last of them of that value. */
static int fd_sized(__u32 size, __u8 last)
{
	__u8 arg[128] = { 0 };

	memcpy(arg, &size, sizeof(size));
	arg[size - 1] = last;
	return ioctl(iommu, FD_IOAS_MAP, arg);
}

static int fd_anywhere(__u64 vaddr, __u64 length)
{
	struct fd_ioas_map arg = { sizeof(arg), FD_MAP_READ, ioas, 0, vaddr, length, 0 };

	return ioctl(iommu, FD_IOAS_MAP, &arg);
}

static int fd_copy(__u32 flags, __u64 from, __u64 to, __u64 length)
{
	struct fd_ioas_copy arg = { sizeof(arg), FD_MAP_FIXED | flags, ioas, ioas, length, to, from };

	return ioctl(iommu, FD_IOAS_COPY, &arg);
}

static int fd_file(int fd, __u64 start, __u64 iova, __u64 length)
{
	struct fd_ioas_map_file arg = { sizeof(arg), FD_MAP_FIXED | FD_MAP_READ, ioas, fd, start, length, iova };

	return ioctl(iommu, FD_IOAS_MAP_FILE, &arg);
}

static int fd_unmap(__u64 iova, __u64 length)
{
	struct fd_ioas_unmap arg = { sizeof(arg), ioas, iova, length };

	return ioctl(iommu, FD_IOAS_UNMAP, &arg);
}

static int fd_attach(__u32 argsz, __u32 flags, __u32 pt)
{
	struct fd_attach arg = { argsz, flags, pt };

	return ioctl(device, FD_DEVICE_ATTACH, &arg);
}

static int change_process(void)
{
	__u32 arg[2] = { sizeof(arg), 0 };

	return ioctl(iommu, FD_CHANGE_PROCESS, arg);
}

static void bound(void)
{
	struct fd_bind bind = { .argsz = sizeof(bind) };

	iommu = bind.iommufd = open("/dev/iommu", O_RDWR);
	device = open(opt.pci, O_RDWR);
	if (iommu < 0 || device < 0)
		die("/dev/iommu, %s", opt.pci);
	told("bind", ioctl(device, FD_DEVICE_BIND, &bind));
}

/* Nothing is charged before a device is there. */
static void attaching(__u32 id, __u64 mem)
{
	const __u32 rw = FD_MAP_READ | FD_MAP_WRITE, size = sizeof(struct fd_attach);

	told("attach_argsz", fd_attach(8, 0, ioas));
	told("attach_flags", fd_attach(size, 0x100, ioas));
	told("attach_nothing", fd_attach(size, 0, 9999));
	told("attach_device", fd_attach(size, 0, id));
	told("before_msi", fd_map(rw, ioas, mem, MSI, PAGE));
	told("attach_msi", fd_attach(size, 0, ioas));
	told("after_msi", fd_unmap(MSI, PAGE));
	told("before_far", fd_map(rw, ioas, mem, 1ULL << 60, PAGE));
	told("attach_far", fd_attach(size, 0, ioas));
	told("after_far", fd_unmap(1ULL << 60, PAGE));
	told("before_fault", fd_map(rw, ioas, 0x1000, opt.iova, PAGE));
	told("attach_fault", fd_attach(size, 0, ioas));
	told("after_fault", fd_unmap(opt.iova, PAGE));
	told("before_limit", fd_map(rw, ioas, mem, opt.iova, 128 * PAGE));
	told("attach_limit", fd_attach(size, 0, ioas));
	told("after_limit", fd_unmap(opt.iova, 128 * PAGE));
	if (fd_attach(size, 0, ioas))
		die("VFIO_DEVICE_ATTACH_IOMMUFD_PT");
}

/* As much again as is charged, and half of that is allowed. */
static void another(void *arg)
{
	(void)arg;
	limit(6 * PAGE);
	told("change_limit", change_process());
}

/* VFIO's own calls on a file of iommufd. */
static void by_vfio(__u64 mem, __u64 at)
{
	struct fd_vfio_ioas set = { .size = sizeof(set), .op = FD_VFIO_IOAS_SET, .ioas = ioas };
	const __u32 rw = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	const __u32 size = sizeof(struct vfio_iommu_type1_dma_map);

	box.container = iommu;
	told("vfio_noioas", map(size, rw, mem, at, PAGE));
	if (ioctl(iommu, FD_VFIO_IOAS, &set))
		die("IOMMU_VFIO_IOAS");
	told("vfio_map", map(size, rw, mem, at, 2 * PAGE));
	told("vfio_overlap", map(size, rw, mem, at, 2 * PAGE));
	told("vfio_short", map(16, rw, mem, at, PAGE));
	told("vfio_flags", map(size, rw | 0x100, mem, at, PAGE));
	told("vfio_align", map(size, rw, mem, at + 8, PAGE));
	told("vfio_again", map(size, VFIO_DMA_MAP_FLAG_VADDR, mem, at, 2 * PAGE));
	told("vfio_invalid", unmap(VFIO_DMA_UNMAP_FLAG_VADDR, at, 2 * PAGE));
	told("vfio_dirty", unmap(VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, at, 2 * PAGE));
	told("vfio_all", unmap(VFIO_DMA_UNMAP_FLAG_ALL, at, 2 * PAGE));
	told("vfio_empty", unmap(0, at, 0));
	told("vfio_unmap", unmap(0, at, 2 * PAGE));
}

static void iommufd(void)
{
	struct fd_bind bind = { .argsz = sizeof(bind) };
	struct fd_ioas_alloc alloc = { .size = sizeof(alloc) };
	const __u32 rw = FD_MAP_READ | FD_MAP_WRITE;
	int status, exe = open("/proc/self/exe", O_RDONLY);
	__u64 mem, at = opt.iova;
	pid_t child;

	iommu = bind.iommufd = open("/dev/iommu", O_RDWR);
	device = open(opt.pci, O_RDWR);
	if (iommu < 0 || device < 0 || exe < 0 || ioctl(device, FD_DEVICE_BIND, &bind) || ioctl(iommu, FD_IOAS_ALLOC, &alloc))
		die("/dev/iommu, %s", opt.pci);
	ioas = alloc.ioas;
	box.memfd = -1;
	box.size = opt.size;
	box_memory(&box);
	mem = (__u64)(unsigned long)box.mem;
	limit(64 * PAGE);
	attaching(bind.device, mem);
	told("map", fd_map(rw, ioas, mem, at, 4 * PAGE));
	told("overlap", fd_map(rw, ioas, mem, at, 4 * PAGE));
	told("flags", fd_map(rw | 0x100, ioas, mem, at, PAGE));
	told("noflags", fd_map(0, ioas, mem, at, PAGE));
	told("empty", fd_map(rw, ioas, mem, at + 8 * PAGE, 0));
	told("align", fd_map(rw, ioas, mem, at + 8 * PAGE + 8, PAGE));
	told("wraps", fd_map(rw, ioas, mem, -PAGE, 2 * PAGE));
	told("outside", fd_map(rw, ioas, mem, 1ULL << 60, PAGE));
	told("fault", fd_map(rw, ioas, 0x1000, at + 8 * PAGE, PAGE));
	told("unreadable", ioctl(iommu, FD_IOAS_MAP, NOWHERE));
	told("short", fd_sized(16, 0));
	told("long", fd_sized(sizeof(struct fd_ioas_map) + 8, 1));
	told("nospace", fd_anywhere(mem, 1ULL << 56));
	told("before_copy", fd_map(FD_MAP_READ, ioas, mem, at + 8 * PAGE, PAGE));
	told("copy", fd_copy(rw, at + 8 * PAGE, at + 16 * PAGE, PAGE));
	told("copy_nothing", fd_copy(rw, at + 12 * PAGE, at + 16 * PAGE, PAGE));
	told("after_copy", fd_unmap(at + 8 * PAGE, PAGE));
	told("nofile", fd_file(-1, 0, at + 8 * PAGE, PAGE));
	told("exe", fd_file(exe, 0, at + 8 * PAGE, PAGE));
	told("beyond", fd_file(box.memfd, opt.size, at + 8 * PAGE, PAGE));
	told("change", change_process());
	told("nothing", fd_unmap(at + 64 * PAGE, PAGE));
	told("cut", fd_unmap(at + PAGE, PAGE));
	told("unmap_empty", fd_unmap(at, 0));
	told("limit", fd_map(rw, ioas, mem, at + 1024 * PAGE, 128 * PAGE));
	told("noioas", fd_map(rw, 9999, mem, at + 1024 * PAGE, PAGE));
	by_vfio(mem, at + 2048 * PAGE);
	told("unmap", fd_unmap(at, 4 * PAGE));
	told("file", fd_file(box.memfd, 0, at, 4 * PAGE));
	child = fork_holder(another, NULL);
	if (waitpid(child, &status, 0) != child || status)
		die("the child");
}

static void command(__u32 op, __u32 flags)
{
	struct fdpin_cmd cmd = { .op = op, .ctx = FDPIN_CTX_CALLER, .flags = flags, .iova = opt.iova, .len = PAGE };

	if (box_try_command(&box, &cmd))
		die("command %u 0x%x", op, flags);
}

/* The driver of the mdev keeps what it has pinned, until it is told otherwise. */
static void kept(void)
{
	struct fd_bind bind = { .argsz = sizeof(bind) };
	struct fd_ioas_alloc alloc = { .size = sizeof(alloc) };
	char path[64];

	close(open_mdev_group(&box));
	snprintf(path, sizeof(path), "/dev/vfio/devices/%.20s", mdev_cdev(&box));
	iommu = bind.iommufd = open("/dev/iommu", O_RDWR);
	device = box.device = open(path, O_RDWR);
	if (iommu < 0 || device < 0 || ioctl(device, FD_DEVICE_BIND, &bind) || ioctl(iommu, FD_IOAS_ALLOC, &alloc))
		die("/dev/iommu, %s", path);
	ioas = alloc.ioas;
	say("ioas=%u", ioas);
	if (fd_attach(sizeof(struct fd_attach), 0, ioas))
		die("VFIO_DEVICE_ATTACH_IOMMUFD_PT");
	box.memfd = -1;
	box.size = opt.size;
	box_memory(&box);
	told("map", fd_map(FD_MAP_READ | FD_MAP_WRITE, ioas, (__u64)(unsigned long)box.mem, opt.iova, 4 * PAGE));
	command(FDPIN_OP_PIN, FDPIN_F_UNMAP_KEEP);
	told("kept", fd_unmap(opt.iova, 4 * PAGE));
	command(FDPIN_OP_NONE, 0);
	told("given", fd_unmap(opt.iova, 4 * PAGE));
}

static void actor(void)
{
	say("tgid=%d", getpid());
	if (what_is("iommufd"))
		iommufd();
	else if (what_is("mdev"))
		mdev();
	else if (what_is("joins"))
		joins();
	else if (what_is("unanswered"))
		unanswered();
	else if (what_is("isolated"))
		isolated();
	else if (what_is("viable"))
		viable();
	else if (what_is("bound"))
		bound();
	else if (what_is("kept"))
		kept();
	else
		type1();
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	what_is("type1");
	return act_run(actor, REACH_END);
}
