// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_memlock - memory is mapped, and mapped again whenever somebody asks
 *
 * --pci and --other are needed: two groups of vfio-pci for type1, two devices of
 * /dev/vfio/devices for the words of iommufd. Each has a container, or ioas, of
 * its own; memory is mapped in the first. 64 KiB besides are locked by mlock().
 * CAP_IPC_LOCK is dropped. SIGUSR1 to the actor: it unmaps the memory and maps
 * it again. SIGUSR2: it maps it in the second one, too, and unmaps it there. Each
 * time tries, and what came of it, are said.
 *
 *   type1	counted in mm->locked_vm
 *   user	iommufd, counted in user->locked_vm
 *   mm		iommufd, counted in mm->locked_vm
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "act.h"
#include "iommufd.h"

#define MLOCKED (64 << 10)

static struct box first = { .memfd = -1 }, second;
static int iommu = -1;
static __u32 ioas[2];

static int fd_map(int which)
{
	struct fd_ioas_map map = {
		.size = sizeof(map),
		.flags = FD_MAP_FIXED | FD_MAP_READ | FD_MAP_WRITE,
		.ioas = ioas[which],
		.vaddr = (unsigned long)first.mem,
		.length = first.size,
		.iova = first.iova,
	};

	return ioctl(iommu, FD_IOAS_MAP, &map);
}

static int try_map(int which)
{
	if (iommu >= 0)
		return fd_map(which);
	return box_try_map(which ? &second : &first);
}

static void unmap(int which)
{
	struct fd_ioas_unmap arg = { .size = sizeof(arg), .ioas = ioas[which], .iova = first.iova, .length = first.size };

	if (iommu < 0)
		box_unmap(which ? &second : &first);
	else if (ioctl(iommu, FD_IOAS_UNMAP, &arg))
		die("IOMMU_IOAS_UNMAP");
}

static void fd_device(const char *path, __u32 *ret_ioas)
{
	struct fd_bind bind = { .argsz = sizeof(bind), .iommufd = iommu };
	struct fd_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct fd_attach attach = { .argsz = sizeof(attach) };
	int device = open(path, O_RDWR);

	if (device < 0 || ioctl(device, FD_DEVICE_BIND, &bind) || ioctl(iommu, FD_IOAS_ALLOC, &alloc))
		die("%s: bind, ioas", path);
	attach.ioas = *ret_ioas = alloc.ioas;
	if (ioctl(device, FD_DEVICE_ATTACH, &attach))
		die("%s: attach", path);
}

static void open_iommufd(void)
{
	struct fd_option mode = { .size = sizeof(mode), .id = FD_OPTION_RLIMIT_MODE, .value = 1 };

	iommu = open("/dev/iommu", O_RDWR);
	if (iommu < 0)
		die("/dev/iommu");
	if (what_is("mm") && ioctl(iommu, FD_OPTION, &mode))
		die("IOMMU_OPTION_RLIMIT_MODE");
	fd_device(opt.pci, &ioas[0]);
	fd_device(opt.other, &ioas[1]);
}

static void open_type1(void)
{
	box_open_pci(&first);
	opt.pci = opt.other;
	box_open_pci(&second);
}

static void lock_besides(void)
{
	const struct rlimit enough = { 64 << 20, 64 << 20 };
	void *mem = mmap(NULL, MLOCKED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (setrlimit(RLIMIT_MEMLOCK, &enough) || mem == MAP_FAILED || mlock(mem, MLOCKED))
		die("mlock");
}

static void answer(int sig)
{
	static bool mapped = true;
	static int tries;
	int r;

	if (sig == SIGUSR1) {
		if (mapped)
			unmap(0);
		r = try_map(0);
		mapped = !r;
	} else {
		r = try_map(1);
		if (!r)
			unmap(1);
	}
	say("try_%d=%s", ++tries, r ? strerrorname_np(errno) : "ok");
}

static void actor(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (what_is("type1"))
		open_type1();
	else
		open_iommufd();
	first.iova = second.iova = opt.iova;
	first.size = second.size = opt.size;
	box_memory(&first);
	second.mem = first.mem;
	lock_besides();
	drop_ipc_lock();
	if (try_map(0))
		die("map");
	say("tgid=%d", getpid());
	say("size=%llu", (unsigned long long)first.size);
	ready();
	while (!sigwait(&set, &sig) && sig != SIGTERM)
		answer(sig);
}

int main(int argc, char **argv)
{
	opt.size = 260 << 10;
	act_options(argc, argv);
	return act_run(actor, REACH_READY);
}
