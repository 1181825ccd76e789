// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_outside - ways past the guard that lead through something outside of the process: a
 * device, a file system, a supervisor, a program of another kind
 *
 * Each says what its call came to, and, as NAME_state, what became of the range it was
 * about, as act_attempts does. There is an mdev in the container. All end by themselves.
 *
 * --what registers: with --pci, the group of QEMU's edu: the argument of an invalidation is in
 * registers of the device, which the kernel reads for it. registers_keep: whether they
 * can hold one, by how this kernel reads.
 * --what file: the argument is in a file of a file system of our own, which answers to a read when
 * somebody has looked meanwhile, or ends instead. NAME_asked: whether it was read at all.
 * --what added: the container is given to another process, which is another user, in another
 * control group, by who supervises its calls.
 * --what thirtytwo: it is inherited by a program of 32 bits.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/fuse.h>
#include <linux/seccomp.h>
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

#define PAGE 4096

/* struct vfio_iommu_type1_dma_unmap, without the open end */
struct unmap {
	__u32 argsz, flags;
	__u64 iova, size;
};

/* Of the range that a box has unless it is told otherwise. */
static struct unmap invalidation(void)
{
	return (struct unmap){ .argsz = sizeof(struct unmap), .flags = VFIO_DMA_UNMAP_FLAG_VADDR, .iova = opt.iova, .size = opt.size };
}

static void at(struct box *b, const char *call, const volatile void *arg)
{
	came_to(call, b, ioctl(b->container, VFIO_IOMMU_UNMAP_DMA, arg));
}

/* ---- registers -------------------------------------------------------------------------------- */

#define EDU_IDENTITY 0x010000ed
#define EDU_DMA 0x80 /* source, destination, length of a transfer: each 8 bytes, which are what was written to them */
#define EDU_NOTHING 0xf00
#define PCI_COMMAND 4
#define PCI_COMMAND_MEMORY 2

static __u64 region(int device, __u32 index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		die("VFIO_DEVICE_GET_REGION_INFO %u", index);
	return info.offset;
}

static void decode_memory(int device, bool on)
{
	__u64 command = region(device, VFIO_PCI_CONFIG_REGION_INDEX) + PCI_COMMAND;
	__u16 bits;

	if (pread(device, &bits, sizeof(bits), command) != sizeof(bits))
		die("the device's command");
	bits = on ? bits | PCI_COMMAND_MEMORY : bits & ~PCI_COMMAND_MEMORY;
	if (pwrite(device, &bits, sizeof(bits), command) != sizeof(bits))
		die("the device's command");
}

static volatile void *registers_of(int device)
{
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, region(device, VFIO_PCI_BAR0_REGION_INDEX));

	if (at == MAP_FAILED)
		die("mmap of the registers");
	if (*(volatile __u32 *)at != EDU_IDENTITY) {
		errno = ENODEV;
		die("no edu in %s: 0x%x", opt.pci, *(volatile __u32 *)at);
	}
	return at;
}

static void put(volatile void *registers, const struct unmap *arg)
{
	volatile __u64 *to = registers + EDU_DMA;
	__u64 words[3];

	_Static_assert(sizeof(words) == sizeof(*arg), "three registers");
	memcpy(words, arg, sizeof(words));
	for (int i = 0; i < 3; i++)
		to[i] = words[i];
}

/* A kernel that copies byte by byte reads nothing there: the device does not answer to that. */
static bool kernel_reads(const volatile void *from, const struct unmap *wanted)
{
	struct unmap got;
	int pipes[2];

	if (pipe(pipes) || write(pipes[1], (const void *)from, sizeof(got)) != sizeof(got) || read(pipes[0], &got, sizeof(got)) != sizeof(got))
		die("pipe");
	close(pipes[0]);
	close(pipes[1]);
	return !memcmp(&got, wanted, sizeof(got));
}

static void registers(void)
{
	struct unmap arg = invalidation();
	volatile void *here, *untouched;
	struct box b = { 0 };
	char name[64];
	int device;

	box_setup(&b);
	pci_device_of(opt.pci, name, sizeof(name));
	device = ioctl(b.pci, VFIO_GROUP_GET_DEVICE_FD, name);
	if (device < 0)
		die("%s", name);
	decode_memory(device, true);
	here = registers_of(device);
	put(here, &arg);
	say("registers_keep=%s", kernel_reads(here + EDU_DMA, &arg) ? "yes" : "no");
	at(&b, "registers", here + EDU_DMA);
	put(here, &arg); /* over the answer */
	untouched = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, region(device, VFIO_PCI_BAR0_REGION_INDEX));
	if (untouched == MAP_FAILED)
		die("mmap of the registers");
	at(&b, "registers_late", untouched + EDU_DMA);
	at(&b, "registers_none", here + EDU_NOTHING);
	decode_memory(device, false);
	at(&b, "registers_off", here + EDU_DMA);
}

/* ---- a file of somebody's --------------------------------------------------------------------- */

#define FOLDER "/run/fdpin-outside"

/* What is in it is read from each file once, by an argument that somebody waits for. */
static const char *const files[] = { "private", "shared", "lost" };

#define FIRST_FILE (FUSE_ROOT_ID + 1) /* of files[], in that order */

/* How the file system and who uses it talk to each other: it was asked for a page; it may answer. */
static struct served {
	pid_t pid;
	int asked[2], answer[2];
} served;

static struct fuse_attr attributes(__u64 node)
{
	return (struct fuse_attr){
		.ino = node,
		.size = node == FUSE_ROOT_ID ? 0 : PAGE,
		.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0700 : S_IFREG | 0600,
		.nlink = 1,
		.blksize = PAGE,
	};
}

static void reply(int fuse, const struct fuse_in_header *to, int error, const void *what, size_t size)
{
	static char text[sizeof(struct fuse_out_header) + PAGE];
	struct fuse_out_header head = { .len = sizeof(head) + size, .error = -error, .unique = to->unique };

	memcpy(text, &head, sizeof(head));
	if (size)
		memcpy(text + sizeof(head), what, size);
	/* who asked may have been interrupted */
	if (write(fuse, text, head.len) < 0 && errno != ENOENT)
		_exit(1);
}

static void reply_entry(int fuse, const struct fuse_in_header *q, const char *name)
{
	struct fuse_entry_out entry = { .attr_valid = 3600, .entry_valid = 3600 };

	for (__u64 i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (strcmp(name, files[i]))
			continue;
		entry.nodeid = FIRST_FILE + i;
		entry.attr = attributes(entry.nodeid);
		reply(fuse, q, 0, &entry, sizeof(entry));
		return;
	}
	reply(fuse, q, ENOENT, NULL, 0);
}

static void reply_page(int fuse, const struct fuse_in_header *q)
{
	static char page[PAGE];
	struct unmap arg = invalidation();
	char byte;

	memcpy(page, &arg, sizeof(arg));
	if (write(served.asked[1], "", 1) != 1 || read(served.answer[0], &byte, 1) != 1)
		_exit(1);
	reply(fuse, q, 0, page, sizeof(page));
}

static void reply_to(int fuse, const struct fuse_in_header *q, const void *body)
{
	struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_write = PAGE,
	};
	struct fuse_attr_out attr = { .attr_valid = 3600, .attr = attributes(q->nodeid) };
	struct fuse_write_out written = { 0 };
	struct fuse_open_out open = { 0 };

	switch (q->opcode) {
	case FUSE_INIT: reply(fuse, q, 0, &init, sizeof(init)); break;
	case FUSE_LOOKUP: reply_entry(fuse, q, body); break;
	case FUSE_GETATTR: reply(fuse, q, 0, &attr, sizeof(attr)); break;
	case FUSE_OPEN: reply(fuse, q, 0, &open, sizeof(open)); break;
	case FUSE_READ: reply_page(fuse, q); break;
	case FUSE_WRITE:
		written.size = ((const struct fuse_write_in *)body)->size;
		reply(fuse, q, 0, &written, sizeof(written));
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE: reply(fuse, q, 0, NULL, 0); break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT: break; /* there is no answer to these */
	default: reply(fuse, q, ENOSYS, NULL, 0);
	}
}

static void serve(int fuse)
{
	static char text[4 * PAGE] __attribute__((aligned(8)));
	const struct fuse_in_header *q = (void *)text;
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		n = read(fuse, text, sizeof(text));
		if (n >= (ssize_t)sizeof(*q))
			reply_to(fuse, q, text + sizeof(*q));
		else if (errno != EINTR && errno != ENOENT)
			_exit(0);
	}
}

/* Before there is a container, which it must not have. */
static void serve_files(void)
{
	char options[128];
	int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fuse < 0)
		die("/dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) || (mkdir(FOLDER, 0700) && errno != EEXIST) ||
	    mount("fdpin", FOLDER, "fuse", MS_NOSUID | MS_NODEV, options))
		die("mount of our file system");
	if (pipe2(served.asked, O_CLOEXEC) || pipe2(served.answer, O_CLOEXEC))
		die("pipe");
	served.pid = forked();
	if (!served.pid)
		serve(fuse);
	close(fuse);
}

struct caller {
	struct box *box;
	void *arg;
	long ret;
	int error;
	bool over;
};

static void *call(void *arg)
{
	struct caller *c = arg;

	c->ret = ioctl(c->box->container, VFIO_IOMMU_UNMAP_DMA, c->arg);
	c->error = errno;
	__atomic_store_n(&c->over, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool file_asked_for(const struct caller *c)
{
	struct pollfd fd = { .fd = served.asked[0], .events = POLLIN };
	char byte;

	for (;;) {
		if (poll(&fd, 1, 10) < 0)
			die("poll");
		if (fd.revents & POLLIN && read(served.asked[0], &byte, 1) == 1)
			return true;
		if (__atomic_load_n(&c->over, __ATOMIC_ACQUIRE))
			return false;
	}
}

/* While it is waited for nothing has happened, and the container is nobody's. */
static void in_file(struct box *b, const char *name, int flags, void (*then)(void))
{
	struct caller c = { .box = b };
	char path[64], words[32];
	pthread_t thread;
	bool asked;
	int fd;

	snprintf(path, sizeof(path), FOLDER "/%s", name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("%s", path);
	c.arg = pages(1, PROT_READ | PROT_WRITE, flags, fd);
	errno = pthread_create(&thread, NULL, call, &c);
	if (errno)
		die("thread");
	asked = file_asked_for(&c);
	say("%s_asked=%s", name, asked ? "yes" : "no");
	snprintf(words, sizeof(words), "%s_waits", name);
	if (asked) {
		say_state(words, b);
		then();
	}
	pthread_join(thread, NULL);
	errno = c.error;
	came_to(name, b, c.ret);
	munmap(c.arg, PAGE);
	close(fd);
}

static void answer(void)
{
	if (write(served.answer[1], "", 1) != 1)
		die("the file system");
}

static void end_serving(void)
{
	kill(served.pid, SIGKILL);
	waitpid(served.pid, NULL, 0);
	served.pid = 0;
}

static void in_files(void)
{
	struct box b = { 0 };

	serve_files();
	box_setup(&b);
	in_file(&b, "private", MAP_PRIVATE, answer);
	in_file(&b, "shared", MAP_SHARED, answer);
	in_file(&b, "lost", MAP_PRIVATE, end_serving);
	if (served.pid)
		end_serving();
	if (umount2(FOLDER, MNT_DETACH))
		die("umount");
}

/* ---- who supervises ------------------------------------------------------------------------------ */

/* From here on this process is answered by whoever has the descriptor when it opens a file. */
static int let_others_open(void)
{
	struct sock_filter steps[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { .len = sizeof(steps) / sizeof(*steps), .filter = steps };
	int fd;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("PR_SET_NO_NEW_PRIVS");
	fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
	if (fd < 0)
		die("seccomp");
	return fd;
}

static void supervised(int word)
{
	struct box b = { .iova = opt.iova, .size = opt.size };
	int listener;

	another_cgroup();
	another_user();
	listener = let_others_open();
	if (write(word, &listener, sizeof(listener)) != sizeof(listener))
		die("pipe");
	b.container = syscall(SYS_openat, AT_FDCWD, "/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (b.container < 0)
		die("the container of the supervisor");
	say("added_tgid=%d", getpid());
	say_result("added", box_try_invalidate(&b));
	_exit(0);
}

/* Instead of what it wants to open it gets our container. */
static void open_instead(pid_t pid, int number, int container)
{
	struct seccomp_notif question = { 0 };
	struct seccomp_notif_addfd add = { .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = container, .newfd_flags = O_CLOEXEC };
	int process = syscall(SYS_pidfd_open, pid, 0), listener;

	listener = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, number, 0);
	if (listener < 0)
		die("pidfd_getfd");
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &question))
		die("SECCOMP_IOCTL_NOTIF_RECV");
	add.id = question.id;
	if (question.data.nr != SYS_openat || ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0)
		die("SECCOMP_IOCTL_NOTIF_ADDFD");
	close(process);
	close(listener);
}

static void added(void)
{
	struct box b = { 0 };
	int word[2], number;
	pid_t pid;

	if (pipe(word))
		die("pipe");
	pid = forked();
	if (!pid)
		supervised(word[1]);
	close(word[1]);
	if (read(word[0], &number, sizeof(number)) != sizeof(number))
		die("who is supervised");
	close(word[0]);
	box_setup(&b);
	open_instead(pid, number, b.container);
	waited_for(pid);
	say_state("added", &b);
}

/* ---- a program of 32 bits ------------------------------------------------------------------------- */

static void become_client32(const struct box *b)
{
	char fd[16], iova[32], size[32], program[PATH_MAX];

	snprintf(fd, sizeof(fd), "%d", b->container);
	snprintf(iova, sizeof(iova), "%llu", (unsigned long long)b->iova);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)b->size);
	if (readlink("/proc/self/exe", program, sizeof(program) - 16) < 0)
		die("/proc/self/exe");
	strcpy(strrchr(program, '/') + 1, "client32");
	execl(program, "client32", fd, iova, size, "invalidate", NULL);
	die("%s", program);
}

/* What it was answered is its status. */
static void thirtytwo(void)
{
	struct box b = { 0 };
	int status;
	pid_t pid;

	box_setup(&b);
	pid = forked();
	if (!pid)
		become_client32(&b);
	say("thirtytwo_tgid=%d", pid);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
		errno = ECHILD;
		die("client32");
	}
	errno = WEXITSTATUS(status);
	came_to("thirtytwo", &b, errno ? -1 : 0);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	if (what_is("registers"))
		return act_run(registers, REACH_END);
	if (what_is("file"))
		return act_run(in_files, REACH_END);
	if (what_is("added"))
		return act_run(added, REACH_END);
	if (what_is("thirtytwo"))
		return act_run(thirtytwo, REACH_END);
	errno = EINVAL;
	die("--what %s", opt.what);
}
