// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_list - does what its words say, one after the other, and lists what is
 * there then: the file at out=PATH gets one JSON object, which a referee
 * (tests/bats/referee.py) holds against what fdpin-trace says. A range comes
 * into the list when the kernel has taken it, and with what was asked for,
 * never with what somebody read out of the kernel.
 *
 * A container, in which the words after it act:
 *   type1, compat	/dev/vfio/vfio; /dev/iommu with VFIO's own calls
 *   iommu		/dev/iommu
 *   empties=N		N more of the current kind, with nothing in them
 *   again		the same file under another number
 *   close		its file, under all its numbers: groups and devices stay
 *   mdev, pci=GROUP	a free mdev's group, a group of vfio-pci
 *   driver, open	VFIO_SET_IOMMU; the device of the last group (pci=GROUP,BDF)
 *   ioas, rlimit=MODE	a new ioas; IOMMU_OPTION_RLIMIT_MODE
 *   cdev=NAME, mcdev	/dev/vfio/devices/NAME, that of a free mdev: bound, attached
 * Memory, from which the words after it map:
 *   anon=SIZE, shared=SIZE, sysv=SIZE, memfd=SIZE, huge=SIZE, giga=SIZE
 *   file=PATH:SIZE, gone=PATH:SIZE	created; and unlinked
 *   bar=N,SIZE		a region of the open device
 *   bar-dmabuf=N,SIZE	a dma-buf of such a region
 *   udmabuf=SIZE	a dma-buf of a memfd
 *   gmem=SIZE		a guest_memfd, of a virtual machine that never runs
 *   skip=BYTES, forget	go on in it; take it out of the address space
 * Ranges:
 *   iova=ADDR		where the next one goes; else behind the last, with a hole
 *   map=SIZE[,PROT]	PROT: r, w, rw
 *   file-map=SIZE[,PROT]	IOMMU_IOAS_MAP_FILE
 *   many=N		N of a page each
 *   invalidate		the last one; pin=N: the mdev pins N pages of it
 *   mutate=SLOTS,GENS	from then on, in all containers, for ever: see mutate()
 * Processes:
 *   thirtytwo=SIZE	a 32-bit one (32bit.c) maps memory of its own
 *   child		one that has all files so far
 *   sharer		one that has the same file table
 *   uid=N, nolock	go on as this user; without CAP_IPC_LOCK
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/memfd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "act.h"
#include "iommufd.h"

#define PAGE 4096ULL
#define CONTAINERS_MAX 1100
#define NAMES_MAX 4

enum kind { TYPE1, COMPAT, IOMMU };

struct range {
	__u64 iova, size, vaddr, offset;	/* of a file: vaddr is not used */
	__u32 prot, ioas;
	bool valid, by_file, gone;
	pid_t tgid;				/* whose memory it is; 0: ours */
	const char *memory;			/* what kind it is */
	const char *path;
};

struct container {
	enum kind kind;
	bool driver;
	int fds[2], n_fds;
	__u32 ioas;
	char names[NAMES_MAX][40];
	int n_names;
	struct range *ranges;
	size_t n_ranges, room;
};

static struct memory {
	char *at;
	__u64 size, offset;
	int fd;
	bool gone;
	const char *kind, *path;
} mem = { .fd = -1 };

static struct container *all, *c;
static size_t n_all;
static struct box box;
static __u64 next_iova = 0x100000000ULL;
static FILE *out; /* opened before uid= */
static unsigned int slots, gens;

/* ---- words about containers --------------------------------------------------- */

static void new_container(enum kind kind)
{
	if (n_all == CONTAINERS_MAX)
		die("too many containers");
	c = &all[n_all++];
	*c = (struct container){ .kind = kind, .n_fds = 1 };
	c->fds[0] = open(kind == TYPE1 ? "/dev/vfio/vfio" : "/dev/iommu", O_RDWR | O_CLOEXEC);
	if (c->fds[0] < 0)
		die("%s", kind == TYPE1 ? "/dev/vfio/vfio" : "/dev/iommu");
	box.container = c->fds[0];
}

static void w_type1(char *arg)
{
	(void)arg;
	new_container(TYPE1);
}

static void w_compat(char *arg)
{
	(void)arg;
	new_container(COMPAT);
}

static void w_iommu(char *arg)
{
	(void)arg;
	new_container(IOMMU);
}

static void w_empties(char *arg)
{
	struct container *keep = c;

	for (int n = atoi(arg); n > 0; n--)
		new_container(keep->kind);
	c = keep;
	box.container = c->fds[0];
}

static void w_again(char *arg)
{
	(void)arg;
	c->fds[c->n_fds++] = fcntl(c->fds[0], F_DUPFD_CLOEXEC, 100);
}

/* The list is made after that: who has the file is then nobody's table. */
static void w_close(char *arg)
{
	(void)arg;
	while (c->n_fds)
		close(c->fds[--c->n_fds]);
}

static void add_name(const char *name)
{
	if (c->n_names < NAMES_MAX)
		snprintf(c->names[c->n_names++], sizeof(c->names[0]), "%s", name);
}

static void add_group(int group)
{
	box.group = group;
	if (group < 0 || ioctl(group, VFIO_GROUP_SET_CONTAINER, &c->fds[0]))
		die("VFIO_GROUP_SET_CONTAINER");
}

static void w_mdev(char *arg)
{
	(void)arg;
	add_group(open_mdev_group(&box));
	add_name(box.uuid);
}

/* GROUP or GROUP,BDF: the device's name for 'open' */
static void w_pci(char *arg)
{
	char *bdf = strchr(arg, ','), path[PATH_MAX];

	if (bdf)
		*bdf++ = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%s", arg);
	add_group(open(path, O_RDWR | O_CLOEXEC));
	snprintf(box.uuid, sizeof(box.uuid), "%s", bdf ?: "");
	if (bdf)
		add_name(bdf);
}

static void w_driver(char *arg)
{
	(void)arg;
	if (ioctl(c->fds[0], VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		die("VFIO_SET_IOMMU");
	c->driver = true;
}

static void w_open(char *arg)
{
	(void)arg;
	box_open_device(&box);
}

static void w_ioas(char *arg)
{
	struct fd_ioas_alloc alloc = { .size = sizeof(alloc) };

	(void)arg;
	if (ioctl(c->fds[0], FD_IOAS_ALLOC, &alloc))
		die("IOMMU_IOAS_ALLOC");
	c->ioas = alloc.ioas;
}

static void w_rlimit(char *arg)
{
	struct fd_option option = { .size = sizeof(option), .id = FD_OPTION_RLIMIT_MODE, .value = atoi(arg) };

	if (ioctl(c->fds[0], FD_OPTION, &option))
		die("IOMMU_OPTION_RLIMIT_MODE");
}

static void w_cdev(char *arg)
{
	struct fd_bind bind = { .argsz = sizeof(bind), .iommufd = c->fds[0] };
	struct fd_attach attach = { .argsz = sizeof(attach), .ioas = c->ioas };
	char path[PATH_MAX], *name = strchr(arg, ',');

	if (name)
		*name++ = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", arg);
	box.device = open(path, O_RDWR | O_CLOEXEC);
	if (box.device < 0)
		die("%s", path);
	if (ioctl(box.device, FD_DEVICE_BIND, &bind))
		die("VFIO_DEVICE_BIND_IOMMUFD %s", arg);
	if (c->ioas && ioctl(box.device, FD_DEVICE_ATTACH, &attach))
		die("VFIO_DEVICE_ATTACH_IOMMUFD_PT %s", arg);
	if (name)
		add_name(name);
}

/* ---- words about memory --------------------------------------------------------- */

static __u64 bytes(const char *arg)
{
	char *end;
	__u64 n = strtoull(arg, &end, 0);

	switch (*end) {
	case 'k': return n << 10;
	case 'm': return n << 20;
	case 'g': return n << 30;
	}
	return n;
}

static void use(const char *kind, void *at, __u64 size, int fd)
{
	if (at == MAP_FAILED)
		die("memory: %s", kind);
	mem = (struct memory){ .at = at, .size = size, .fd = fd, .kind = kind };
}

static void use_file(const char *kind, int fd, __u64 size)
{
	if (fd < 0 || ftruncate(fd, size))
		die("file: %s", kind);
	use(kind, mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), size, fd);
}

static void w_anon(char *arg)
{
	use("anonymous", mmap(NULL, bytes(arg), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bytes(arg), -1);
}

static void w_shared(char *arg)
{
	use("shmem", mmap(NULL, bytes(arg), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), bytes(arg), -1);
}

static void w_sysv(char *arg)
{
	int id = shmget(IPC_PRIVATE, bytes(arg), IPC_CREAT | 0600);
	void *at = shmat(id, NULL, 0);

	shmctl(id, IPC_RMID, NULL);
	use("shmem", at, bytes(arg), -1);
}

static void w_memfd(char *arg)
{
	use_file("memfd", memfd_create("ref \033[31m\nram", MFD_CLOEXEC), bytes(arg));
}

static void w_huge(char *arg)
{
	use_file("hugetlbfs", memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB), bytes(arg));
}

static void w_giga(char *arg)
{
	use_file("hugetlbfs", memfd_create("giga", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_1GB), bytes(arg));
}

/* PATH:SIZE */
static void named(const char *kind, char *arg)
{
	char *size = strrchr(arg, ':');

	if (!size)
		die("no size: %s", arg);
	*size++ = '\0';
	use_file(kind, open(arg, O_RDWR | O_CREAT | O_CLOEXEC, 0600), bytes(size));
	mem.path = arg;
}

/* What kind of memory it is depends on where it is: told by the caller, kind:PATH:SIZE. */
static void w_file(char *arg)
{
	char *path = strchr(arg, ':');

	if (!path)
		die("no kind: %s", arg);
	*path++ = '\0';
	named(arg, path);
}

static void w_gone(char *arg)
{
	w_file(arg);
	if (unlink(mem.path))
		die("unlink");
	mem.gone = true;
}

static void w_bar(char *arg)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = atoi(arg) };
	char *size = strchr(arg, ',');

	if (!size || ioctl(box.device, VFIO_DEVICE_GET_REGION_INFO, &info))
		die("VFIO_DEVICE_GET_REGION_INFO");
	use("mmio", mmap(NULL, bytes(size + 1), PROT_READ | PROT_WRITE, MAP_SHARED, box.device, info.offset), bytes(size + 1), -1);
	mem.offset = info.offset;
}

/* VFIO_DEVICE_FEATURE_DMA_BUF, newer than the headers of this system. Its region is not mapped, so there is no address to map from. */
static void w_bar_dmabuf(char *arg)
{
	char *size = strchr(arg, ',');
	struct {
		struct vfio_device_feature head;
		__u32 region, open_flags, flags, n_ranges;
		__u64 offset, length;
	} get = {
		.head = { .argsz = sizeof(get), .flags = VFIO_DEVICE_FEATURE_GET | 11 },
		.region = atoi(arg),
		.open_flags = O_RDWR | O_CLOEXEC,
		.n_ranges = 1,
		.length = size ? bytes(size + 1) : 0,
	};
	int fd = ioctl(box.device, VFIO_DEVICE_FEATURE, &get);

	if (fd < 0)
		die("VFIO_DEVICE_FEATURE_DMA_BUF");
	use("dma-buf", NULL, get.length, fd);
}

static void w_udmabuf(char *arg)
{
	struct {
		__u32 memfd, flags;
		__u64 offset, size;
	} create = { .flags = 1, .size = bytes(arg) };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd, memfd = memfd_create("behind", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	create.memfd = memfd;
	if (dev < 0 || memfd < 0 || ftruncate(memfd, create.size) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		die("/dev/udmabuf");
	fd = ioctl(dev, _IOW('u', 0x42, create), &create);
	if (fd < 0)
		die("UDMABUF_CREATE");
	/* mapped without pages, as regions of devices are */
	use("mmio", mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), create.size, fd);
}

/* KVM_CREATE_GUEST_MEMFD, newer than the headers of this system; one that the host may map. */
static void w_gmem(char *arg)
{
	struct {
		__u64 size, flags, reserved[6];
	} create = { .size = bytes(arg), .flags = 1 /* mmap */ | 2 /* shared from the start */ };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = ioctl(kvm, _IO(0xae, 0x01), 0);
	int fd = ioctl(vm, _IOC(_IOC_READ | _IOC_WRITE, 0xae, 0xd4, sizeof(create)), &create);

	if (fd < 0)
		die("KVM_CREATE_GUEST_MEMFD");
	use("guest_memfd", mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), create.size, fd);
}

static void w_skip(char *arg)
{
	mem.at += bytes(arg);
	mem.offset += bytes(arg);
	mem.size -= bytes(arg);
}

static void w_forget(char *arg)
{
	(void)arg;
	munmap(mem.at, mem.size);
	for (size_t i = 0; i < c->n_ranges; i++)
		if (c->ranges[i].vaddr >= (__u64)mem.at && c->ranges[i].vaddr < (__u64)mem.at + mem.size)
			c->ranges[i].memory = NULL;
}

/* ---- words about ranges ----------------------------------------------------------- */

static struct range *new_range(__u64 size, const char *prot)
{
	struct range *r;

	if (c->n_ranges == c->room) {
		c->room = c->room ? c->room * 2 : 16;
		c->ranges = reallocarray(c->ranges, c->room, sizeof(*r));
		if (!c->ranges)
			die("memory");
	}
	r = &c->ranges[c->n_ranges++];
	*r = (struct range){
		.iova = next_iova,
		.size = size,
		.vaddr = (__u64)mem.at,
		.offset = mem.offset,
		.ioas = c->ioas,
		.valid = true,
		.gone = mem.gone,
		.memory = mem.kind,
		.path = mem.path,
	};
	r->prot = (!prot || strchr(prot, 'r') ? 1 : 0) | (!prot || strchr(prot, 'w') ? 2 : 0);
	next_iova += 2 * size;
	return r;
}

static __u32 iommufd_flags(const struct range *r)
{
	return FD_MAP_FIXED | (r->prot & 1 ? FD_MAP_READ : 0) | (r->prot & 2 ? FD_MAP_WRITE : 0);
}

static void map_type1(const struct container *k, const struct range *r)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = r->prot, .vaddr = r->vaddr, .iova = r->iova, .size = r->size,
	};

	if (ioctl(k->fds[0], VFIO_IOMMU_MAP_DMA, &map))
		die("VFIO_IOMMU_MAP_DMA");
}

static void map_iommufd(const struct container *k, const struct range *r)
{
	struct fd_ioas_map map = {
		.size = sizeof(map), .flags = iommufd_flags(r), .ioas = r->ioas, .vaddr = r->vaddr, .length = r->size, .iova = r->iova,
	};

	if (ioctl(k->fds[0], FD_IOAS_MAP, &map))
		die("IOMMU_IOAS_MAP");
}

static void map_range(__u64 size, const char *prot)
{
	struct range *r = new_range(size, prot);

	if (c->kind == IOMMU)
		map_iommufd(c, r);
	else
		map_type1(c, r);
}

static void w_iova(char *arg)
{
	next_iova = bytes(arg);
}

static void w_map(char *arg)
{
	map_range(bytes(arg), strchr(arg, ','));
	box.iova = c->ranges[c->n_ranges - 1].iova;
	box.size = c->ranges[c->n_ranges - 1].size;
}

static void w_file_map(char *arg)
{
	struct range *r = new_range(bytes(arg), strchr(arg, ','));
	struct fd_ioas_map_file map = {
		.size = sizeof(map), .flags = iommufd_flags(r), .ioas = r->ioas, .fd = mem.fd, .start = r->offset,
		.length = r->size, .iova = r->iova,
	};

	r->by_file = true;
	if (ioctl(c->fds[0], FD_IOAS_MAP_FILE, &map))
		die("IOMMU_IOAS_MAP_FILE");
}

static void w_many(char *arg)
{
	for (int n = atoi(arg); n > 0; n--) {
		map_range(PAGE, NULL);
		mem.at += PAGE;
		mem.offset += PAGE;
	}
}

static void w_invalidate(char *arg)
{
	(void)arg;
	if (box_try_invalidate(&box))
		die("VFIO_IOMMU_UNMAP_DMA VADDR");
	c->ranges[c->n_ranges - 1].valid = false;
}

static void w_pin(char *arg)
{
	struct fdpin_cmd cmd = { .op = FDPIN_OP_PIN, .ctx = FDPIN_CTX_CALLER, .iova = box.iova, .len = atoi(arg) * PAGE };

	if (box_try_command(&box, &cmd) || box_finish(&box).ret != atoi(arg))
		die("pin");
}

/* ---- ranges that come and go --------------------------------------------------------- */

static void unmap_range(const struct container *k, __u64 iova)
{
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = iova, .size = PAGE };
	struct fd_ioas_unmap fd_unmap = { .size = sizeof(fd_unmap), .ioas = k->ioas, .iova = iova, .length = PAGE };

	if (k->kind == IOMMU ? ioctl(k->fds[0], FD_IOAS_UNMAP, &fd_unmap) : ioctl(k->fds[0], VFIO_IOMMU_UNMAP_DMA, &unmap))
		die("unmap");
}

static void w_mutate(char *arg)
{
	char *comma = strchr(arg, ',');

	slots = atoi(arg);
	gens = comma ? atoi(comma + 1) : 0;
	if (!slots || gens < 2 || mem.size < PAGE * slots * gens)
		die("mutate=SLOTS,GENS wants memory for both");
}

/* Slot by slot the next generation takes the place of the one before. The address tells the generation, the IOVA the slot. */
static void replace_slot(const struct container *k, unsigned int slot, unsigned int gen, bool first)
{
	struct range r = {
		.iova = next_iova + 2 * PAGE * slot,
		.size = PAGE,
		.vaddr = (__u64)mem.at + PAGE * (gen * slots + slot),
		.prot = 3,
		.ioas = k->ioas,
	};

	if (!first)
		unmap_range(k, r.iova);
	if (k->kind == IOMMU)
		map_iommufd(k, &r);
	else
		map_type1(k, &r);
}

/*
 * So at every moment some slots from the first on are of generation g, the
 * rest of g - 1, and one in between can be missing: nothing else was ever
 * true. With two generations the same states come again and again. One
 * container is busy at a time, for some rounds, with pauses of no and of some
 * length in between, so that a look meets both what moves and what stands.
 */
static void mutate(void)
{
	unsigned int *gen = calloc(n_all, sizeof(*gen));
	unsigned long rounds = 0;

	for (size_t i = 0; i < n_all; i++)
		for (unsigned int slot = 0; slot < slots; slot++)
			replace_slot(&all[i], slot, 0, true);
	say("ready");
	srandom(1);
	for (;;) {
		size_t i = random() % n_all;

		for (unsigned int n = random() % 8; n; n--, rounds++) {
			gen[i] = (gen[i] + 1) % gens;
			for (unsigned int slot = 0; slot < slots; slot++)
				replace_slot(&all[i], slot, gen[i], false);
		}
		if (random() % 2)
			usleep(random() % 4000);
		if (rounds % 256 < 8)
			say("rounds=%lu", rounds);
	}
}

/* ---- words about processes ---------------------------------------------------------- */

static void w_child(char *arg)
{
	pid_t pid = fork();

	(void)arg;
	if (pid < 0)
		die("fork");
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static int wait_for_ever(void *arg)
{
	(void)arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
	return 0;
}

/* Not a thread, but with the same file table. */
static void w_sharer(char *arg)
{
	char *stack = malloc(65536);

	(void)arg;
	if (!stack || clone(wait_for_ever, stack + 65536, CLONE_FILES | SIGCHLD, NULL) < 0)
		die("clone");
}

/* Its memory is its own; it says where, and stays. */
static void w_thirtytwo(char *arg)
{
	char fd[16], iova[32], size[32], said[64] = "", program[PATH_MAX];
	struct range *r = new_range(bytes(arg), NULL);
	int pipes[2];

	if (pipe(pipes))
		die("pipe");
	r->tgid = fork();
	if (r->tgid < 0)
		die("fork");
	if (!r->tgid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(pipes[1], STDOUT_FILENO);
		fcntl(c->fds[0], F_SETFD, 0);
		snprintf(fd, sizeof(fd), "%d", c->fds[0]);
		snprintf(iova, sizeof(iova), "%llu", r->iova);
		snprintf(size, sizeof(size), "%llu", r->size);
		if (readlink("/proc/self/exe", program, sizeof(program) - 16) < 0)
			die("/proc/self/exe");
		strcpy(strrchr(program, '/') + 1, "client32");
		execl(program, "client32", fd, iova, size, NULL);
		die("%s", program);
	}
	close(pipes[1]);
	if (read(pipes[0], said, sizeof(said) - 1) <= 0 || sscanf(said, "vaddr=%llu", &r->vaddr) != 1)
		die("client32 says '%s'", said);
	r->memory = "anonymous";
}

static void w_uid(char *arg)
{
	if (setgid(atoi(arg)) || setuid(atoi(arg)))
		die("setuid");
}

static void w_nolock(char *arg)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	(void)arg;
	if (syscall(SYS_capget, &header, data))
		die("capget");
	data[0].effective &= ~(1U << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &header, data))
		die("capset");
}

static void w_out(char *arg)
{
	out = fopen(arg, "we");
	if (!out)
		die("%s", arg);
}

static void w_mcdev(char *arg)
{
	char name[64];

	(void)arg;
	close(open_mdev_group(&box));
	snprintf(name, sizeof(name), "%.20s,%s", mdev_cdev(&box), box.uuid);
	w_cdev(name);
}

static const struct word {
	const char *name;
	void (*act)(char *arg);
} words[] = {
	{ "out", w_out }, { "type1", w_type1 }, { "compat", w_compat }, { "iommu", w_iommu }, { "empties", w_empties },
	{ "again", w_again }, { "close", w_close }, { "mdev", w_mdev }, { "pci", w_pci }, { "driver", w_driver }, { "open", w_open },
	{ "ioas", w_ioas }, { "rlimit", w_rlimit }, { "cdev", w_cdev }, { "mcdev", w_mcdev }, { "anon", w_anon },
	{ "shared", w_shared }, { "sysv", w_sysv }, { "memfd", w_memfd }, { "huge", w_huge }, { "giga", w_giga }, { "gmem", w_gmem },
	{ "file", w_file }, { "gone", w_gone }, { "bar", w_bar }, { "bar-dmabuf", w_bar_dmabuf }, { "udmabuf", w_udmabuf },
	{ "skip", w_skip }, { "forget", w_forget }, { "iova", w_iova }, { "map", w_map }, { "file-map", w_file_map }, { "many", w_many },
	{ "invalidate", w_invalidate }, { "pin", w_pin }, { "child", w_child }, { "uid", w_uid }, { "nolock", w_nolock },
	{ "mutate", w_mutate }, { "thirtytwo", w_thirtytwo }, { "sharer", w_sharer },
};

static void act_word(char *text)
{
	char *arg = strchr(text, '=');

	if (arg)
		*arg++ = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].name, text))
			continue;
		words[i].act(arg ?: (char[]){ "" });
		return;
	}
	errno = EINVAL;
	die("no such word: %s", text);
}

/* ---- the list ----------------------------------------------------------------------- */

/* Any bytes can be in a name: in hexadecimal. */
static void put_path(FILE *f, const char *path)
{
	fputs(",\"path\":\"", f);
	for (; path && *path; path++)
		fprintf(f, "%02x", (unsigned char)*path);
	fputs("\"", f);
}

static void put_range(FILE *f, const struct range *r)
{
	fprintf(f, "{\"iova\":\"0x%llx\",\"size\":%llu,\"vaddr\":", r->iova, r->size);
	if (r->by_file)
		fputs("null", f);
	else
		fprintf(f, "\"0x%llx\"", r->vaddr);
	fprintf(f, ",\"read\":%s,\"write\":%s,\"valid\":%s,\"ioas\":", r->prot & 1 ? "true" : "false", r->prot & 2 ? "true" : "false",
		r->valid ? "true" : "false");
	if (r->ioas)
		fprintf(f, "%u", r->ioas);
	else
		fputs("null", f);
	fprintf(f, ",\"tgid\":%d,\"offset\":%llu,\"gone\":%s,\"kind\":\"%s\"", r->tgid ?: getpid(), r->offset, r->gone ? "true" : "false", r->memory ?: "none");
	put_path(f, r->path);
	fputs("}", f);
}

static void put_container(FILE *f, const struct container *k)
{
	static const char *const kinds[] = { "type1", "compat", "iommufd" };

	fprintf(f, "{\"kind\":\"%s\",\"driver\":%s,\"fds\":[", kinds[k->kind], k->driver ? "true" : "false");
	for (int i = 0; i < k->n_fds; i++)
		fprintf(f, "%s%d", i ? "," : "", k->fds[i]);
	fputs("],\"devices\":[", f);
	for (int i = 0; i < k->n_names; i++)
		fprintf(f, "%s\"%s\"", i ? "," : "", k->names[i]);
	fputs("],\"ranges\":[", f);
	for (size_t i = 0; i < k->n_ranges; i++) {
		if (i)
			fputs(",\n", f);
		put_range(f, &k->ranges[i]);
	}
	fputs("]}", f);
}

/* The number of the compat ioas is the kernel's choice: asked for, before the list is made. */
static void ask_compat(struct container *k)
{
	struct fd_vfio_ioas get = { .size = sizeof(get), .op = FD_VFIO_IOAS_GET };

	if (k->kind != COMPAT || !k->n_ranges)
		return;
	if (ioctl(k->fds[0], FD_VFIO_IOAS, &get))
		die("IOMMU_VFIO_IOAS");
	for (size_t i = 0; i < k->n_ranges; i++)
		k->ranges[i].ioas = get.ioas;
}

static void put_list(void)
{
	fprintf(out, "{\"tgid\":%d,\"containers\":[", getpid());
	for (size_t i = 0; i < n_all; i++) {
		ask_compat(&all[i]);
		if (i)
			fputs(",\n", out);
		put_container(out, &all[i]);
	}
	fputs("]}\n", out);
	if (fclose(out))
		die("the list");
}

static void raise_limit(void)
{
	struct rlimit files = { 4096, 4096 };

	setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
	int first = argc > 2 && !strcmp(argv[1], "--timeout") ? 3 : 1;

	raise_limit();
	all = calloc(CONTAINERS_MAX, sizeof(*all));
	box.claim = box.group = box.device = box.memfd = -1;
	for (int i = first; i < argc; i++)
		act_word(argv[i]);
	if (out)
		put_list();
	say("tgid=%d", getpid());
	say("uuid=%s", box.uuid);
	say("memory=0x%llx", (__u64)mem.at);
	say("first_iova=0x%llx", next_iova);
	if (slots)
		mutate();
	say("ready");
	for (;;)
		pause();
}
