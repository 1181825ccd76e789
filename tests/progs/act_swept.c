// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_swept - an invalid range beside an mdev, made so by no call that a guard has seen
 *
 * --what held: a child has it, and --pins children of its own that share all of its files. --what parked: the actor
 * has made it, and its files are nowhere but in a socket. --what waited: as held, and the mdev's worker sleeps on the range
 * already. --what unanswered: the child makes it once the actor got SIGUSR1, beside a guard: it makes ordinary unmaps
 * of its range while another thread turns the flag in their argument on and off, and none that has got past comes back, as
 * the page that its answer goes to is not written to until a third thread lets it: --rounds of them at most. --what
 * blocked: the same, and the mdev's worker sleeps on the range as soon as one has got past. --what
 * declared: the same as unanswered with one call, which says what it is. --what undone: as unanswered, but the third thread makes the
 * range valid with the first call of all, and lets the answer go then.
 *
 * The actor has another container, in which all is well. SIGUSR1 to the actor: what lives, and calls on the
 * other one and on the parked one (now_…); again: whoever lives makes the range valid, or answers (free_…).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

#define PAGE 4096

static struct box b, other;
static int pair[2], told[2];
static pid_t child;
static bool is_past; /* in memory that is shared by threads only */

static void wait_for_word(int *ret)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	if (sigwait(&set, &sig) || sig == SIGTERM)
		_exit(0);
	*ret = sig;
}

static void answer(const char *when, const char *call, long ret)
{
	say("%s_%s=%s", when, call, ret < 0 ? strerrorname_np(errno) : "done");
}

static long info_of(int container)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };

	return ioctl(container, VFIO_IOMMU_GET_INFO, &info);
}

static long device_info(int device)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return ioctl(device, VFIO_DEVICE_GET_INFO, &info);
}

/* ---- a call that does not come back -------------------------------------------------------------- */

static struct vfio_iommu_type1_dma_unmap *argument, *given;
static int uffd;

static void protect(bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { .start = (unsigned long)given, .len = PAGE }, .mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	if (ioctl(uffd, UFFDIO_WRITEPROTECT, &wp))
		die("UFFDIO_WRITEPROTECT");
}

/* What is written to one of the two pages can be read in the other. */
static void make_argument(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_HUGETLBFS_SHMEM };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };
	int fd = memory_file(PAGE);

	argument = pages(1, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	given = pages(1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd);
	close(fd);
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	reg.range.start = (unsigned long)given;
	reg.range.len = PAGE;
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &reg))
		die("userfaultfd");
	argument->argsz = sizeof(*argument);
	argument->iova = b.iova;
	argument->size = b.size;
	protect(true);
}

static void *flip(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&is_past, __ATOMIC_ACQUIRE))
		__atomic_xor_fetch(&argument->flags, VFIO_DMA_UNMAP_FLAG_VADDR, __ATOMIC_RELAXED);
	return NULL;
}

/* Somebody writes an answer. An ordinary unmap gets it, and its range is mapped again; another one does not, until we are told. */
static void *keep_waiting(void *arg)
{
	struct pollfd fd = { .fd = uffd, .events = POLLIN };
	struct uffd_msg msg;
	int sig;

	(void)arg;
	for (;;) {
		if (poll(&fd, 1, -1) < 0)
			die("poll");
		if (read(uffd, &msg, sizeof(msg)) != sizeof(msg) || msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		if (what_is("undone") && !box_try_revalidate(&b)) {
			__atomic_store_n(&is_past, true, __ATOMIC_RELEASE);
			if (write(told[1], "", 1) != 1)
				die("write");
			protect(false);
			return NULL;
		}
		/* what is known need not be asked: the return of that call would tell it */
		if (!what_is("declared")) {
			if (!box_try_map(&b)) {
				protect(false);
				continue;
			}
			if (errno != EEXIST)
				die("map again");
		}
		if (what_is("blocked"))
			box_block(&b);
		__atomic_store_n(&is_past, true, __ATOMIC_RELEASE);
		if (write(told[1], "", 1) != 1)
			die("write");
		wait_for_word(&sig);
		protect(false);
		return NULL;
	}
}

static void start(void *(*body)(void *))
{
	pthread_t t;

	if (pthread_create(&t, NULL, body, NULL))
		die("thread");
}

/* Comes back when it was let go, or never. */
static void make_unanswered(void)
{
	unsigned int refused = 0;

	make_argument();
	start(keep_waiting);
	if (what_is("declared"))
		argument->flags = VFIO_DMA_UNMAP_FLAG_VADDR;
	else
		start(flip);
	for (unsigned int i = 0; i < opt.rounds && !is_past; i++) {
		argument->argsz = sizeof(*argument);
		argument->iova = b.iova;
		argument->size = b.size;
		if (!ioctl(b.container, VFIO_IOMMU_UNMAP_DMA, given))
			protect(true);
		else if (!(++refused % 8))
			pause_ms(2);
	}
}

/* ---- who has it ----------------------------------------------------------------------------------- */

/* It is made beside a guard, when the actor is told. */
static bool is_later(void)
{
	return what_is("unanswered") || what_is("undone") || what_is("declared") || what_is("blocked");
}

static void offend(void)
{
	int sig;

	box_setup(&b);
	if (!is_later())
		box_invalidate(&b);
	if (what_is("waited"))
		box_block(&b);
	for (unsigned int i = 0; i < opt.pins; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid)
			for (;;)
				wait_for_word(&sig);
	}
	if (write(told[1], "", 1) != 1)
		die("write");
	wait_for_word(&sig);
	if (is_later())
		make_unanswered();
	if (what_is("undone")) /* it lives, then */
		for (;;)
			wait_for_word(&sig);
	box_revalidate(&b);
	if (what_is("waited") || what_is("blocked"))
		say("free_waited=%d", box_finish(&b).ret);
	box_close(&b);
	_exit(0);
}

static void heard(void)
{
	char byte;

	if (read(told[0], &byte, 1) != 1)
		_exit(shared->refused ? 0 : 1); /* it has said why */
}

static void make_it(void)
{
	if (pipe(told))
		die("pipe");
	open_pair(pair);
	if (what_is("parked")) {
		box_setup(&b);
		box_invalidate(&b);
		box_park(&b, pair[0]);
		return;
	}
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		close(told[0]);
		close(other.container);
		close(other.group);
		close(other.device);
		offend();
	}
	close(told[1]);
	heard();
	say("past_tgid=%d", child);
}

static const char *state_of_child(int flags)
{
	int status;
	pid_t pid = waitpid(child, &status, flags);

	if (!pid)
		return "lives";
	child = 0;
	if (pid < 0)
		die("waitpid");
	return WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : WEXITSTATUS(status) ? "failed" : "ended";
}

/* ---- the actor ------------------------------------------------------------------------------------ */

static void calls(const char *when)
{
	struct box r = other;

	answer(when, "other_info", info_of(other.container));
	answer(when, "other_device", device_info(other.device));
	r.iova += 0x10000000;
	answer(when, "other_map", box_try_map(&r));
	box_unmap(&r);
	if (what_is("parked")) {
		answer(when, "info", info_of(b.container));
		answer(when, "device", device_info(b.device));
		answer(when, "invalidate", box_try_invalidate(&b));
	}
}

static void make_free(void)
{
	if (what_is("parked"))
		answer("free", "restore", box_try_revalidate(&b));
	if (!child)
		return;
	kill(child, SIGUSR1);
	say("free_past=%s", state_of_child(0));
}

static void actor(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	box_open(&other);
	box_open_device(&other);
	box_map(&other);
	make_it();
	say("tgid=%d", getpid());
	__atomic_store_n(&shared->undo, 1, __ATOMIC_RELEASE);
	ready();
	wait_for_word(&sig);
	if (is_later()) {
		kill(child, SIGUSR1);
		heard();
		say("past=yes");
		wait_for_word(&sig);
	}
	if (what_is("parked"))
		box_fetch(&b, pair[1]);
	calls("now");
	if (child)
		say("now_past=%s", state_of_child(WNOHANG));
	say("now=made");
	wait_for_word(&sig);
	make_free();
	calls("free");
	say("over=yes");
	wait_quit();
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	what_is("held"); /* the first word is the default */
	return act_run(actor, REACH_READY);
}
