// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_uncredited - iommufd pins again what it could not credit
 *
 * --pci CDEV is needed. A child maps memory of its own, which is charged to its
 * address space (the rlimit mode), in an ioas whose device pins all of it. Half
 * of it is mapped a second time, then the first mapping is taken away: the
 * other half is unpinned, and to be credited. Last, the half that is still
 * pinned is mapped once more: of that nothing is left to pin.
 *
 *   refused	the child ends before the credit, which is refused therefore and
 *		tried again with the last mapping. That call never comes back: it
 *		gives back the mmap_lock, which it has not taken
 *		(update_mm_locked_vm() of 7.3), and then waits for it
 *   before	the same without the last mapping: stays until SIGTERM
 *   credited	the child ends after the credit: all is well
 */
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"
#include "iommufd.h"

#define FLAGS (FD_MAP_FIXED | FD_MAP_READ | FD_MAP_WRITE)

static int iommu;
static __u32 ioas;

static void setup(struct box *b)
{
	struct fd_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct fd_option mode = { .size = sizeof(mode), .id = FD_OPTION_RLIMIT_MODE, .value = 1 };
	struct fd_bind bind = { .argsz = sizeof(bind) };
	struct fd_attach attach = { .argsz = sizeof(attach) };

	*b = (struct box){ .memfd = -1, .iova = opt.iova, .size = opt.size };
	iommu = open("/dev/iommu", O_RDWR);
	b->device = open(opt.pci, O_RDWR);
	if (iommu < 0 || b->device < 0)
		die("/dev/iommu, %s", opt.pci);
	bind.iommufd = iommu;
	if (ioctl(iommu, FD_OPTION, &mode) || ioctl(b->device, FD_DEVICE_BIND, &bind) || ioctl(iommu, FD_IOAS_ALLOC, &alloc))
		die("rlimit mode, bind, ioas");
	attach.ioas = ioas = alloc.ioas;
	if (ioctl(b->device, FD_DEVICE_ATTACH, &attach))
		die("VFIO_DEVICE_ATTACH_IOMMUFD_PT");
}

/* The child, whose memory it is; stays until it is told to end. */
struct owner {
	struct box *box;
	int pair[2];
};

static void own(void *arg)
{
	struct owner *o = arg;
	struct fd_ioas_map map = { sizeof(map), FLAGS, ioas, 0, 0, o->box->size, o->box->iova };
	char c = 0;

	close(o->pair[0]); /* a parent that dies ends the reading */
	box_memory(o->box);
	map.vaddr = (__u64)(unsigned long)o->box->mem;
	drop_ipc_lock(); /* who has it is charged nowhere, whatever the mode */
	if (ioctl(iommu, FD_IOAS_MAP, &map))
		die("IOMMU_IOAS_MAP");
	if (write(o->pair[1], &c, 1) != 1 || read(o->pair[1], &c, 1) != 1)
		die("the socket");
}

static void end_owner(pid_t pid, int sock)
{
	int status;
	char c = 0;

	if (write(sock, &c, 1) != 1 || waitpid(pid, &status, 0) != pid || status)
		die("the child");
}

/* The first half of what is mapped at the box's iova, again at another one. */
static void map_again(const struct box *b, __u64 from, __u64 to)
{
	struct fd_ioas_copy copy = { sizeof(copy), FLAGS, ioas, ioas, b->size / 2, to, from };

	if (ioctl(iommu, FD_IOAS_COPY, &copy))
		die("IOMMU_IOAS_COPY");
}

static void unmap_first(const struct box *b)
{
	struct fd_ioas_unmap arg = { .size = sizeof(arg), .ioas = ioas, .iova = b->iova, .length = b->size };

	if (ioctl(iommu, FD_IOAS_UNMAP, &arg))
		die("IOMMU_IOAS_UNMAP");
}

static void actor(void)
{
	struct box b;
	struct owner o = { .box = &b };
	pid_t pid;
	char c;

	setup(&b);
	open_pair(o.pair);
	pid = fork_holder(own, &o);
	close(o.pair[1]); /* likewise */
	if (read(o.pair[0], &c, 1) != 1)
		die("the child");
	say("tgid=%d", getpid());
	say("owner_tgid=%d", pid);
	say("container_fd=%d", iommu);
	map_again(&b, b.iova, b.iova + b.size);
	if (what_is("credited")) {
		unmap_first(&b);
		end_owner(pid, o.pair[0]);
	} else {
		end_owner(pid, o.pair[0]);
		unmap_first(&b);
	}
	if (what_is("before")) {
		stay();
		return;
	}
	__atomic_store_n(&shared->closer, getpid(), __ATOMIC_RELEASE);
	map_again(&b, b.iova + b.size, b.iova + 2 * b.size);
	__atomic_store_n(&shared->closer, 0, __ATOMIC_RELEASE);
	say("mapped_again=yes");
}

int main(int argc, char **argv)
{
	opt.size = 256 << 10;
	act_options(argc, argv);
	return act_run(actor, what_is("refused") ? REACH_CALLING : what_is("before") ? REACH_READY : REACH_END);
}
