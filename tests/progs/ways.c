// SPDX-License-Identifier: GPL-2.0-only
/*
 * ways.c - what several attempts to get past the guard are made of: what a call came to,
 * other processes, a page that is there when we say so, calls that sleep for one, files
 * that are in a socket, and a flag that is turned on and off under a call.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

#define PAGE 4096

void *pages(size_t n, int prot, int flags, int fd)
{
	void *at = mmap(NULL, n * PAGE, prot, flags, fd, 0);

	if (at == MAP_FAILED)
		die("mmap");
	return at;
}

int memory_file(size_t size)
{
	int fd = memfd_create("argument", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, size))
		die("memfd");
	return fd;
}

/* The first device of a group, by its address on the bus. */
void pci_device_of(const char *group, char *name, size_t len)
{
	const char *slash = strrchr(group, '/');
	char path[128];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%.20s/devices", slash ? slash + 1 : group);
	dir = opendir(path);
	if (!dir)
		die("%s", path);
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.')
			snprintf(name, len, "%.60s", d->d_name);
	closedir(dir);
}

/* ---- what a call came to ---------------------------------------------------------------------- */

/* First by whom this is none of their doing. */
void say_state(const char *call, struct box *b)
{
	ask_oracle(call, b);
	say("%s_state=%s", call, range_state(b));
}

void came_to(const char *call, struct box *b, long ret)
{
	say_result(call, ret);
	say_state(call, b);
}

/* ---- other processes, and what they are in --------------------------------------------------------- */

void waited_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status) {
		errno = ECHILD;
		die("the child");
	}
}

pid_t forked(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	return pid;
}

void another_cgroup(void)
{
	char number[16];
	int fd;

	mkdir("/sys/fs/cgroup/attempts-other", 0755);
	fd = open("/sys/fs/cgroup/attempts-other/cgroup.procs", O_WRONLY | O_CLOEXEC);
	snprintf(number, sizeof(number), "%d", getpid());
	if (fd < 0 || write(fd, number, strlen(number)) < 0)
		die("the other control group");
	close(fd);
}

void another_user(void)
{
	if (setgid(65534) || setuid(65534))
		die("setuid");
}

/* ---- a page that is asked for by uffd ----------------------------------------------------------- */

void late_page(struct late_page *ret)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	ret->at = pages(2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	ret->uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	reg.range.start = (unsigned long)ret->at;
	reg.range.len = PAGE;
	if (ret->uffd < 0 || ioctl(ret->uffd, UFFDIO_API, &api) || ioctl(ret->uffd, UFFDIO_REGISTER, &reg))
		die("userfaultfd");
}

/* Somebody sleeps for the page. False: nobody does, the call is over. */
bool late_page_asked_for(const struct late_page *p, const bool *over)
{
	struct pollfd fd = { .fd = p->uffd, .events = POLLIN };
	struct uffd_msg msg;

	for (;;) {
		if (poll(&fd, 1, 10) < 0)
			die("poll");
		if (fd.revents & POLLIN && read(p->uffd, &msg, sizeof(msg)) == sizeof(msg) && msg.event == UFFD_EVENT_PAGEFAULT)
			return true;
		if (__atomic_load_n(over, __ATOMIC_ACQUIRE))
			return false;
	}
}

void late_page_supply(const struct late_page *p, const void *what, size_t size)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	struct uffdio_copy copy = { .dst = (unsigned long)p->at, .src = (unsigned long)page, .len = PAGE };

	memset(page, 0, PAGE);
	memcpy(page, what, size);
	if (ioctl(p->uffd, UFFDIO_COPY, &copy) && errno != EEXIST)
		die("UFFDIO_COPY");
}

/* ---- an argument of which the beginning is waited for --------------------------------------------- */

struct waiting {
	int container;
	unsigned long cmd;
	const void *arg;
	struct late_answer answer;
	bool over;
};

static void *call_late(void *arg)
{
	struct waiting *w = arg;

	w->answer.ret = ioctl(w->container, w->cmd, w->arg);
	w->answer.error = errno;
	__atomic_store_n(&w->over, true, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * Of a map or an unmap: its flags can be read while the four bytes before them are
 * not there yet; when those are asked for, the flags become others.
 */
struct late_answer late_call(int container, unsigned long cmd, const void *arg, size_t size, __u32 flags)
{
	struct waiting w = { .container = container, .cmd = cmd };
	const size_t first = sizeof(__u32); /* argsz */
	static char page[PAGE];
	struct late_page late;
	pthread_t caller;

	late_page(&late);
	memcpy(page + PAGE - first, arg, first);
	memcpy(late.at + PAGE, (const char *)arg + first, size - first);
	w.arg = late.at + PAGE - first;
	if (pthread_create(&caller, NULL, call_late, &w))
		die("thread");
	w.answer.asked = late_page_asked_for(&late, &w.over);
	if (w.answer.asked) {
		__atomic_store_n((__u32 *)(late.at + PAGE), flags, __ATOMIC_SEQ_CST);
		late_page_supply(&late, page, PAGE);
	}
	pthread_join(caller, NULL);
	close(late.uffd);
	munmap(late.at, 2 * PAGE);
	return w.answer;
}

/* ---- calls that sleep ---------------------------------------------------------------------------- */

static struct sleepers {
	struct late_page page;
	int fd;
	unsigned long cmd;
	bool over;
} sleepers;

static void *sleep_in_call(void *arg)
{
	(void)arg;
	ioctl(sleepers.fd, sleepers.cmd, sleepers.page.at);
	__atomic_store_n(&sleepers.over, true, __ATOMIC_RELEASE);
	return NULL;
}

static void begin_to_sleep(unsigned int n)
{
	pthread_attr_t attr;
	pthread_t thread;

	late_page(&sleepers.page);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16 << 10);
	for (unsigned int i = 0; i < n; i++) {
		errno = pthread_create(&thread, &attr, sleep_in_call, NULL);
		if (errno)
			die("thread %u", i);
	}
	for (unsigned int i = 0; i < n; i++)
		if (!late_page_asked_for(&sleepers.page, &sleepers.over))
			_exit(1);
}

/* A process of which n threads sleep in this call, for an argument that nobody has written yet, when this returns. */
pid_t process_that_sleeps(int fd, unsigned long cmd, unsigned int n)
{
	int word[2];
	pid_t pid;
	char byte;

	if (pipe(word))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid) {
		close(word[1]);
		if (read(word[0], &byte, 1) != 1)
			die("the process that sleeps");
		close(word[0]);
		return pid;
	}
	sleepers.fd = fd;
	sleepers.cmd = cmd;
	begin_to_sleep(n);
	say("asleep=%u", n);
	if (write(word[1], "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

void end_process(pid_t pid)
{
	int status;

	if (kill(pid, SIGKILL) || waitpid(pid, &status, 0) != pid)
		die("the process that sleeps");
	say("ended_by=%d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

/* ---- files in a socket ------------------------------------------------------------------------ */

#define FILES 3 /* container, group, device */

union parked {
	char space[CMSG_SPACE(sizeof(int) * FILES)];
	struct cmsghdr head;
};

void box_park(struct box *b, int sock)
{
	int files[FILES] = { b->container, b->group, b->device };
	struct iovec iov = { "", 1 };
	union parked control = {
		.head = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(files)) },
	};
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space) };

	memcpy(CMSG_DATA(&control.head), files, sizeof(files));
	if (sendmsg(sock, &msg, 0) != 1)
		die("sendmsg");
	for (int i = 0; i < FILES; i++)
		close(files[i]);
}

void box_fetch(struct box *b, int sock)
{
	union parked control;
	int files[FILES];
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space) };

	if (recvmsg(sock, &msg, 0) != 1 || control.head.cmsg_len != CMSG_LEN(sizeof(files)))
		die("recvmsg");
	memcpy(files, CMSG_DATA(&control.head), sizeof(files));
	b->container = files[0];
	b->group = files[1];
	b->device = files[2];
}

/* ---- a flag that changes -------------------------------------------------------------------------- */

static struct vfio_iommu_type1_dma_unmap *argument, *given;

static void *flip(void *arg)
{
	(void)arg;
	for (;;)
		__atomic_xor_fetch(&argument->flags, VFIO_DMA_UNMAP_FLAG_VADDR, __ATOMIC_RELAXED);
	return NULL;
}

/* What is written to here the calls read there. */
static void make_argument(bool read_only)
{
	int fd = memory_file(PAGE);

	argument = pages(1, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	given = pages(1, read_only ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd);
	close(fd);
}

/*
 * 0: it got past, and was not killed; 2: it did not, in --rounds tries. Not so
 * fast that there are more refusals than can be told: while the other thread does not
 * run they are all alike. Its thread goes on for as long as the process.
 */
int get_past(struct box *b, bool read_only)
{
	unsigned int refused = 0;
	pthread_t thread;

	make_argument(read_only);
	if (pthread_create(&thread, NULL, flip, NULL))
		die("thread");
	for (unsigned int i = 0; i < opt.rounds; i++) {
		argument->argsz = sizeof(*argument);
		argument->iova = b->iova;
		argument->size = b->size;
		shared->tried_ns = now_ns();
		if (ioctl(b->container, VFIO_IOMMU_UNMAP_DMA, given) && errno != EFAULT) {
			if (!(++refused % 8))
				pause_ms(2);
			continue;
		}
		/* a range that is there still is invalid now; one that is gone is mapped again */
		if (!box_try_map(b))
			continue;
		if (errno != EEXIST)
			die("map again");
		return 0;
	}
	return 2;
}
