// SPDX-License-Identifier: GPL-2.0-only
/*
 * act.c - what the actor of an act does: words, options, container, device
 *
 * Every step is one kernel call with its check. File numbers matter to some
 * acts (they decide in which order a dying process releases its files), so
 * box_setup() opens container, group and device in this order and nothing in
 * between stays open.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "act.h"

#define MDEVS	"/sys/bus/mdev/devices"

struct act_opts opt = {
	.op = FDPIN_OP_DMA_RW,
	.ctx = FDPIN_CTX_WORK,
	.close = FDPIN_CLOSE_FLUSH_WORK,
	.iova = 0x100000000ULL,
	.size = 0x200000,
	.offset = 0x1000,
	.len = 0x1000,
	.rounds = 3,
	.hold_ms = 50,
	.timeout = 120,
	.seed = 1,
};

static const char *const op_words[] = { FDPIN_OP_LIST(FDPIN_WORD) NULL };
static const char *const ctx_words[] = { FDPIN_CTX_LIST(FDPIN_WORD) NULL };
static const char *const close_words[] = { FDPIN_CLOSE_LIST(FDPIN_WORD) NULL };
static const char *const how_words[] = { "close", "exit", "kill", NULL };

/* ---- words ------------------------------------------------------------ */

/* One write each: actor and watcher share the file. */
void say(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDOUT_FILENO, line, n) != n)
		_exit(1);
}

void die(const char *fmt, ...)
{
	const char *err = strerror(errno);
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	say("error=%s: %s", line, err);
	exit(1);
}

void say_result(const char *call, long ret)
{
	say("%s=%s", call, ret < 0 ? strerrorname_np(errno) : "done");
}

/* ---- options ---------------------------------------------------------- */

static void usage(const char *why, const char *arg)
{
	fprintf(stderr, "%s: %s '%s'; see README.md\n",
		program_invocation_short_name, why, arg);
	exit(64);
}

static __u32 word(const char *const *words, const char *arg)
{
	__u32 i;

	for (i = 0; words[i]; i++)
		if (!strcmp(words[i], arg))
			return i;
	usage("no such word", arg);
	return 0;
}

static __u64 number(const char *arg)
{
	char *end;
	__u64 n = strtoull(arg, &end, 0);

	if (!*arg || *end)
		usage("not a number", arg);
	return n;
}

enum { OPT_OP = 256, OPT_CTX, OPT_CLOSE, OPT_HOW, OPT_IOVA, OPT_SIZE,
       OPT_OFFSET, OPT_LEN, OPT_PINS, OPT_ROUNDS, OPT_HOLD, OPT_DELAY,
       OPT_OTHER, OPT_TIMEOUT, OPT_SEED, OPT_WHAT, OPT_PCI, OPT_COMM,
       OPT_NAME, OPT_UNMAP_FLUSH, OPT_OTHER_PCI, OPT_ORACLE };

static const struct option options[] = {
	{ "op", 1, NULL, OPT_OP },
	{ "ctx", 1, NULL, OPT_CTX },
	{ "close", 1, NULL, OPT_CLOSE },
	{ "how", 1, NULL, OPT_HOW },
	{ "iova", 1, NULL, OPT_IOVA },
	{ "size", 1, NULL, OPT_SIZE },
	{ "offset", 1, NULL, OPT_OFFSET },
	{ "len", 1, NULL, OPT_LEN },
	{ "pins", 1, NULL, OPT_PINS },
	{ "rounds", 1, NULL, OPT_ROUNDS },
	{ "hold-ms", 1, NULL, OPT_HOLD },
	{ "delay-ms", 1, NULL, OPT_DELAY },
	{ "other-ms", 1, NULL, OPT_OTHER },
	{ "timeout", 1, NULL, OPT_TIMEOUT },
	{ "seed", 1, NULL, OPT_SEED },
	{ "what", 1, NULL, OPT_WHAT },
	{ "pci", 1, NULL, OPT_PCI },
	{ "other", 1, NULL, OPT_OTHER_PCI },
	{ "comm", 1, NULL, OPT_COMM },
	{ "name", 1, NULL, OPT_NAME },
	{ "oracle", 1, NULL, OPT_ORACLE },
	{ "unmap-flush", 0, NULL, OPT_UNMAP_FLUSH },
	{ }
};

static void option(int c, const char *arg)
{
	switch (c) {
	case OPT_OP: opt.op = word(op_words, arg); break;
	case OPT_CTX: opt.ctx = word(ctx_words, arg); break;
	case OPT_CLOSE: opt.close = word(close_words, arg); break;
	case OPT_HOW: opt.how = word(how_words, arg); break;
	case OPT_IOVA: opt.iova = number(arg); break;
	case OPT_SIZE: opt.size = number(arg); break;
	case OPT_OFFSET: opt.offset = number(arg); break;
	case OPT_LEN: opt.len = number(arg); break;
	case OPT_PINS: opt.pins = number(arg); break;
	case OPT_ROUNDS: opt.rounds = number(arg); break;
	case OPT_HOLD: opt.hold_ms = number(arg); break;
	case OPT_DELAY: opt.delay_ms = number(arg); break;
	case OPT_OTHER: opt.other_ms = number(arg); break;
	case OPT_TIMEOUT: opt.timeout = number(arg); break;
	case OPT_SEED: opt.seed = number(arg); break;
	case OPT_WHAT: opt.what = arg; break;
	case OPT_PCI: opt.pci = arg; break;
	case OPT_OTHER_PCI: opt.other = arg; break;
	case OPT_COMM: opt.comm = arg; break;
	case OPT_NAME: opt.name = arg; break;
	case OPT_ORACLE: opt.oracle = arg; break;
	case OPT_UNMAP_FLUSH: opt.unmap_flush = true; break;
	default: exit(64);
	}
}

/* ---- somebody else looks ----------------------------------------------- */

static int oracle = -1;

/* Whoever is forked has it, too, and out of the way: see box_setup(). */
static void find_oracle(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int low = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", opt.oracle);
	/* with a name of our own, which the kernel finds, it can answer */
	if (low < 0 || bind(low, (struct sockaddr *)&name, sizeof(sa_family_t)) || connect(low, (struct sockaddr *)&name, sizeof(name)))
		die("%s", opt.oracle);
	oracle = fcntl(low, F_DUPFD_CLOEXEC, 200);
	close(low);
}

/* With --oracle: it looks at the container, as this process has it; nothing changes until it has. */
void ask_oracle(const char *what, const struct box *b)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "%d %d %s", getpid(), b->container, what);

	if (oracle >= 0 && (send(oracle, text, n, 0) != n || recv(oracle, text, 1, 0) != 1))
		die("the oracle");
}

void act_options(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		option(c, optarg);
	if (optind < argc)
		usage("not an option", argv[optind]);
	if (opt.comm && prctl(PR_SET_NAME, opt.comm))
		die("prctl");
	if (opt.oracle)
		find_oracle();
	say("act=%s", program_invocation_short_name);
}

/* The act's own choice; the first one asked about is the default. */
bool what_is(const char *word)
{
	if (!opt.what)
		opt.what = word;
	return !strcmp(opt.what, word);
}

/* Without it the limit of locked memory holds, for root too. */
void drop_ipc_lock(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		die("capget");
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &head, data))
		die("capset");
}

/* ---- the container ---------------------------------------------------- */

static int not_dot(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/*
 * -1: not a device of ours, or in use. Opening the group of a stuck device
 * would hang too, so its state is asked first, and whoever uses a device
 * locks that attribute.
 */
static int claim(const char *uuid)
{
	char path[PATH_MAX], state[256];
	int low, fd;

	snprintf(path, sizeof(path), MDEVS "/%s/fdpin_state", uuid);
	low = open(path, O_RDONLY | O_CLOEXEC);
	if (low < 0)
		return -1;
	fd = fcntl(low, F_DUPFD_CLOEXEC, 200);
	close(low);
	worker_of(uuid, state, sizeof(state));
	if (!flock(fd, LOCK_EX | LOCK_NB) && strstr(state, " closer_tid=0 ") &&
	    (strstr(state, " state=idle ") || strstr(state, " state=done ")))
		return fd;
	close(fd);
	return -1;
}

/* The one before may be about to end: of the files of a process that was killed, any may be closed last. */
static int open_free(const char *path)
{
	__u64 end = now_ns() + opt.timeout * 1000000000ULL;
	int fd;

	while ((fd = open(path, O_RDWR)) < 0 && errno == EBUSY && now_ns() < end)
		pause_ms(1);
	return fd;
}

static int group_of(const char *uuid)
{
	char path[PATH_MAX], link[PATH_MAX], *slash;
	ssize_t n;

	snprintf(path, sizeof(path), MDEVS "/%s/iommu_group", uuid);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		die("%s", path);
	link[n] = '\0';
	slash = strrchr(link, '/');
	snprintf(path, sizeof(path), "/dev/vfio/%.20s",
		 slash ? slash + 1 : link);
	return open_free(path);
}

/* The first free one, so that acts can follow each other in one boot. */
int open_mdev_group(struct box *b)
{
	struct dirent **names;
	char state[256];
	int i, n, fd;

	b->claim = -1;
	n = scandir(MDEVS, &names, not_dot, alphasort);
	for (i = 0; i < n && b->claim < 0; i++) {
		b->claim = claim(names[i]->d_name);
		snprintf(b->uuid, sizeof(b->uuid), "%.39s", names[i]->d_name);
	}
	for (i = 0; i < n; i++)
		free(names[i]);
	if (n >= 0)
		free(names);
	if (b->claim < 0) {
		errno = ENODEV;
		die("no free " FDPIN_NAME " device: mdev-setup makes some");
	}
	worker_of(b->uuid, state, sizeof(state));
	fd = group_of(b->uuid);
	if (fd < 0 || sscanf(state, "id=%d", &b->id) != 1)
		die("group of %s", b->uuid);
	return fd;
}

/* The name in /dev/vfio/devices, where there is iommufd, of the mdev that was found. */
const char *mdev_cdev(const struct box *b)
{
	static char name[64];
	char path[PATH_MAX];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), MDEVS "/%s/vfio-dev", b->uuid);
	dir = opendir(path);
	while (dir && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			snprintf(name, sizeof(name), "%.20s", d->d_name);
	if (dir)
		closedir(dir);
	return name;
}

static void add_group(struct box *b, int group)
{
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &b->container))
		die("VFIO_GROUP_SET_CONTAINER");
}

static void new_container(struct box *b)
{
	b->iova = opt.iova;
	b->size = opt.size;
	b->claim = b->device = b->memfd = b->pci = -1;
	b->container = open("/dev/vfio/vfio", O_RDWR);
	if (b->container < 0)
		die("/dev/vfio/vfio");
}

static int add_pci(struct box *b)
{
	int group = opt.pci ? open_free(opt.pci) : -1;

	if (group < 0)
		die("--pci %s", opt.pci ? opt.pci : "(missing)");
	add_group(b, group);
	return group;
}

static void set_type1(struct box *b)
{
	if (ioctl(b->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		die("VFIO_SET_IOMMU");
}

/* Container and mdev group; the vfio-pci group of --pci besides. */
void box_open(struct box *b)
{
	new_container(b);
	b->group = open_mdev_group(b);
	add_group(b, b->group);
	if (opt.pci)
		b->pci = add_pci(b);
	set_type1(b);
}

/* Container and the vfio-pci group of --pci, no mdev. */
void box_open_pci(struct box *b)
{
	new_container(b);
	b->group = add_pci(b);
	set_type1(b);
}

void box_open_device(struct box *b)
{
	b->device = ioctl(b->group, VFIO_GROUP_GET_DEVICE_FD, b->uuid);
	if (b->device < 0)
		die("VFIO_GROUP_GET_DEVICE_FD %s", b->uuid);
}

/* A memfd, so that another process can restore the very same memory. */
void box_memory(struct box *b)
{
	if (b->memfd < 0) {
		b->memfd = memfd_create("fdpin-guest-ram", MFD_CLOEXEC);
		if (b->memfd < 0 || ftruncate(b->memfd, b->size))
			die("memfd");
	}
	b->mem = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      b->memfd, 0);
	if (b->mem == MAP_FAILED)
		die("mmap");
}

static int dma_map(struct box *b, __u32 flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = flags,
		.vaddr = (__u64)(unsigned long)b->mem,
		.iova = b->iova,
		.size = b->size,
	};

	return ioctl(b->container, VFIO_IOMMU_MAP_DMA, &map);
}

static int dma_unmap(struct box *b, __u32 flags)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = flags,
		.iova = b->iova,
		.size = b->size,
	};

	return ioctl(b->container, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

int box_try_map(struct box *b)
{
	return dma_map(b, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
}

void box_map(struct box *b)
{
	if (!b->mem)
		box_memory(b);
	if (box_try_map(b))
		die("VFIO_IOMMU_MAP_DMA");
}

void box_unmap(struct box *b)
{
	if (dma_unmap(b, 0))
		die("VFIO_IOMMU_UNMAP_DMA");
}

int box_try_invalidate(struct box *b)
{
	return dma_unmap(b, VFIO_DMA_UNMAP_FLAG_VADDR);
}

/* EBUSY where the exclusion is there, EINVAL where there are no such flags. */
void box_invalidate(struct box *b)
{
	if (!box_try_invalidate(b)) {
		say("invalidator_tgid=%d", getpid());
		say("invalidator_tid=%d", gettid());
		return;
	}
	if (errno != EBUSY && errno != EINVAL && errno != EOPNOTSUPP)
		die("VFIO_IOMMU_UNMAP_DMA VADDR");
	refused("invalidate");
}

int box_try_revalidate(struct box *b)
{
	return dma_map(b, VFIO_DMA_MAP_FLAG_VADDR);
}

void box_revalidate(struct box *b)
{
	if (box_try_revalidate(b))
		die("VFIO_IOMMU_MAP_DMA VADDR");
}

/* What the range is, found out by calls that say so of themselves; it is as it was afterwards, or valid. */
const char *range_state(struct box *b)
{
	if (!box_try_revalidate(b))
		return "invalid";
	if (!box_try_map(b))
		return "gone";
	if (errno != EEXIST)
		die("map again");
	return "kept";
}

long group_set(int group, int container)
{
	return ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
}

long group_unset(int group)
{
	return ioctl(group, VFIO_GROUP_UNSET_CONTAINER);
}

void box_close(struct box *b)
{
	close(b->device);
	close(b->group);
	close(b->pci);
	close(b->container);
	if (b->mem)
		munmap(b->mem, b->size);
	close(b->memfd);
	close(b->claim);
	memset(b, 0, sizeof(*b));
}

void box_say(const struct box *b, const char *prefix)
{
	say("%stgid=%d", prefix, getpid());
	say("%scontainer_fd=%d", prefix, b->container);
	say("%sgroup_fd=%d", prefix, b->group);
	say("%sdevice_fd=%d", prefix, b->device);
	say("%suuid=%s", prefix, b->uuid);
	say("%siova=0x%llx", prefix, (unsigned long long)b->iova);
	say("%ssize=0x%llx", prefix, (unsigned long long)b->size);
}

/* Container, device and mapping, ready to be invalidated. */
void box_setup(struct box *b)
{
	box_open(b);
	box_open_device(b);
	box_map(b);
	box_say(b, "");
	snprintf(shared->uuid, sizeof(shared->uuid), "%s", b->uuid);
}

#ifdef __x86_64__
/* As a 32-bit program calls, out of this one: the argument has to be below 4 GiB. */
long ioctl32(int fd, unsigned long cmd, const void *arg)
{
	long ret = 54;

	__asm__ volatile("int $0x80"
			 : "+a"(ret)
			 : "b"((long)fd), "c"(cmd), "d"(arg)
			 : "memory", "cc", "r8", "r9", "r10", "r11");
	if ((int)ret >= 0)
		return (int)ret;
	errno = -(int)ret;
	return -1;
}
#endif

/* ---- the device ------------------------------------------------------- */

int box_try_command(struct box *b, const struct fdpin_cmd *cmd)
{
	ssize_t n = pwrite(b->device, cmd, sizeof(*cmd), FDPIN_CMD_OFF);

	return n == sizeof(*cmd) ? 0 : -1;
}

void box_command(struct box *b, __u32 op, __u32 ctx, __u32 close)
{
	struct fdpin_cmd cmd = {
		.op = op,
		.ctx = ctx,
		.close = close,
		.iova = b->iova + opt.offset,
		.len = opt.len,
		.delay_ms = opt.delay_ms,
		.other_ms = opt.other_ms,
	};

	if (close == FDPIN_CLOSE_MUTEX)
		cmd.flags |= FDPIN_F_HOLD_MUTEX;
	if (opt.unmap_flush)
		cmd.flags |= FDPIN_F_UNMAP_FLUSH;
	if (opt.name)
		strncpy(cmd.name, opt.name, sizeof(cmd.name) - 1);
	if (box_try_command(b, &cmd))
		die("command op=%s ctx=%s", op_words[op], ctx_words[ctx]);
}

/* Waits for the end of the act the device is doing. */
struct fdpin_result box_finish(struct box *b)
{
	struct fdpin_result res;
	__u64 end = now_ns() + opt.timeout * 1000000000ULL;

	for (;;) {
		if (pread(b->device, &res, sizeof(res), FDPIN_RESULT_OFF) !=
		    sizeof(res))
			die("result");
		if (res.state != FDPIN_STATE_QUEUED &&
		    res.state != FDPIN_STATE_RUNNING)
			return res;
		if (now_ns() > end) {
			errno = ETIMEDOUT;
			die("the device's act does not end");
		}
		pause_ms(1);
	}
}

static void say_worker(const struct box *b)
{
	say("op=%s", op_words[opt.op]);
	say("ctx=%s", ctx_words[opt.ctx]);
	say("close=%s", close_words[opt.close]);
	say("block_iova=0x%llx", (unsigned long long)(b->iova + opt.offset));
	say("block_len=0x%llx", (unsigned long long)opt.len);
	switch (opt.ctx) {
	case FDPIN_CTX_CALLER:
		say("thread_class=user");
		return;
	case FDPIN_CTX_KTHREAD:
		say("thread_class=kthread");
		return;
	}
	say("thread_class=workqueue");
	say("work_func=%s", opt.ctx == FDPIN_CTX_DELAYED ?
	    "fdpin_delayed_work_fn" : "fdpin_work_fn");
	if (opt.ctx == FDPIN_CTX_SYSWORK)
		say("wq=events");
	else
		say("wq=fdpin_%s_%d", opt.ctx == FDPIN_CTX_ORDERED ?
		    "ordered" : "own", b->id);
}

/* The device's worker starts and falls asleep on the invalid range. */
void box_block(struct box *b)
{
	__u64 end = now_ns() + opt.timeout * 1000000000ULL;
	char state[256];
	pid_t tid;

	say_worker(b);
	box_command(b, opt.op, opt.ctx, opt.close);
	for (;;) {
		tid = worker_of(b->uuid, state, sizeof(state));
		if (tid && strstr(state, "state=running") &&
		    task_asleep(tid, "vfio_wait"))
			return;
		if (now_ns() > end) {
			errno = ETIMEDOUT;
			die("the worker does not block: %s", state);
		}
		pause_ms(5);
	}
}

/* From nothing to a blocked worker: how nearly every act begins. */
void box_act_and_block(struct box *b)
{
	struct fdpin_cmd pin = {
		.op = FDPIN_OP_PIN,
		.iova = opt.iova,
		.len = opt.pins * 4096ULL,
	};

	box_setup(b);
	if (opt.pins && box_try_command(b, &pin))
		die("pin");
	box_invalidate(b);
	box_block(b);
}

/* ---- other processes -------------------------------------------------- */

void open_pair(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socketpair");
}

/* What crosses the socket: the container, and the memory behind its range. */
#define N_FDS	2

union fds {
	char space[CMSG_SPACE(sizeof(int) * N_FDS)];
	struct cmsghdr head;
};

static struct msghdr fds_msg(union fds *fds, struct iovec *iov)
{
	return (struct msghdr) {
		.msg_iov = iov,
		.msg_iovlen = 1,
		.msg_control = fds->space,
		.msg_controllen = sizeof(fds->space),
	};
}

void box_send(const struct box *b, int sock)
{
	int numbers[N_FDS] = { b->container, b->memfd };
	struct iovec iov = { "", 1 };
	union fds fds = {
		.head.cmsg_level = SOL_SOCKET,
		.head.cmsg_type = SCM_RIGHTS,
		.head.cmsg_len = CMSG_LEN(sizeof(numbers)),
	};
	struct msghdr msg = fds_msg(&fds, &iov);

	memcpy(CMSG_DATA(&fds.head), numbers, sizeof(numbers));
	if (sendmsg(sock, &msg, 0) != 1)
		die("sendmsg");
}

/* The receiver's box: the same container and memory, mapped where it likes. */
void box_receive(struct box *b, int sock)
{
	int numbers[N_FDS];
	union fds fds;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = fds_msg(&fds, &iov);

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != 1)
		exit(shared->refused ? 0 : 1);	/* the sender has said why */
	if (fds.head.cmsg_len != CMSG_LEN(sizeof(numbers))) {
		errno = EPROTO;
		die("recvmsg: no files");
	}
	memcpy(numbers, CMSG_DATA(&fds.head), sizeof(numbers));
	memset(b, 0, sizeof(*b));
	b->iova = opt.iova;
	b->size = opt.size;
	b->container = numbers[0];
	b->memfd = numbers[1];
	box_memory(b);
}

/* A process of the act besides the actor; in its group, so it gets the end. */
pid_t fork_holder(void (*body)(void *), void *arg)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	body(arg);
	exit(0);
}

void run_thread(void *(*body)(void *), void *arg)
{
	pthread_t t;

	errno = pthread_create(&t, NULL, body, arg);
	if (errno)
		die("pthread_create");
	pthread_detach(t);
}
