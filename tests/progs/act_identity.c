// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_identity - who it was: processes that look like each other to whoever goes by numbers and names
 *
 * All of them have the name of --comm. One, the offender, is the first of a pid
 * namespace; the others are the actor, one that is the first of another pid namespace,
 * and one that nobody has moved. With a word that ends in -same the offender is another process of its
 * namespace, which has the number there that the last of them has where everybody is.
 *
 * --what past, past-same: the offender gets past the guard, in --rounds tries at most, in a container
 * with an mdev that the actor has too (past, now_…); the others have another container,
 * with an mdev too, and are asked what they get there (first_info, same_info). Then the range is unmapped.
 * --what window, window-same: with --pci: the offender makes a range of the actor's container invalid, and
 * stays. SIGUSR1 to the actor: what has become of it (past), and of the others.
 * --what blamed: with --pci and --other: a container each. A range of the first one is invalid; nobody
 * knows whose doing that was who comes later. SIGUSR1 to the actor: a child (cut_tgid)
 * invalidates another range of it with an argument of which the second half cannot be read, and a second one
 * (later_tgid) a third range, as is right; another child (answered_tgid) a range of the other container with an
 * argument to which the answer cannot be written. SIGUSR1 again: which of them live (cut_lives, later_lives, answered_lives).
 * --what reused: with --pci and --other: the offender makes a range of the actor's container invalid, and ends. Then
 * another process (later) gets its number, where everybody is; it has the name "bystander", that container, and one of
 * its own. SIGUSR1 to the actor: does it live (later), and what does it get (later_info). SIGUSR1 again: it does the
 * same in its own, and what becomes of it (later_again).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <linux/vfio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

#define PAGE 4096
#define VADDR VFIO_DMA_UNMAP_FLAG_VADDR

static bool what_is_same(void)
{
	return strstr(opt.what, "-same");
}

/* As whoever looks from where everybody is has it: /proc is of there. */
static pid_t number_outside(void)
{
	char link[32] = "";

	if (readlink("/proc/self", link, sizeof(link) - 1) < 0)
		die("/proc/self");
	return atoi(link);
}

/* As fork, into a pid namespace of its own, or with this number in the one of the caller. */
static pid_t fork_as(bool first, pid_t number)
{
	struct clone_args args = {
		.flags = first ? CLONE_NEWPID : 0,
		.exit_signal = SIGCHLD,
		.set_tid = number ? (unsigned long)&number : 0,
		.set_tid_size = number ? 1 : 0,
	};
	pid_t pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		die("clone3");
	/* none of them outlives the one that has it */
	if (!pid && prctl(PR_SET_PDEATHSIG, SIGKILL))
		die("prctl");
	return pid;
}

static void wait_for_word(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigwait(&set, &sig);
}

static void block_word(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static long info_of(int container)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };

	return ioctl(container, VFIO_IOMMU_GET_INFO, &info);
}

/* ---- those that have done nothing ----------------------------------------------------------------- */

struct bystander {
	const char *name;
	pid_t pid;
	int word;
};

/* Says what it gets, when it is told to; its end says that it lived until then. */
static void stand_by(const char *name, int container, int word)
{
	char call[32], byte;

	say("%s_tgid=%d", name, number_outside());
	say("%s_number=%d", name, getpid());
	if (read(word, &byte, 1) != 1)
		_exit(1);
	snprintf(call, sizeof(call), "%s_info", name);
	say_result(call, info_of(container));
	_exit(0);
}

static struct bystander bystander(const char *name, bool first, int container)
{
	struct bystander ret = { .name = name };
	int word[2];

	if (pipe(word))
		die("pipe");
	ret.pid = fork_as(first, 0);
	if (!ret.pid) {
		close(word[1]);
		stand_by(name, container, word[0]);
	}
	close(word[0]);
	ret.word = word[1];
	return ret;
}

static void ask(const struct bystander *b)
{
	int status;

	if (write(b->word, "", 1) != 1 && errno != EPIPE)
		die("pipe");
	if (waitpid(b->pid, &status, 0) != b->pid)
		die("%s", b->name);
	say("%s=%s", b->name, WIFSIGNALED(status) ? "killed" : WEXITSTATUS(status) ? "failed" : "lives");
}

/* ---- the offender ---------------------------------------------------------------------------------- */

static const char *end_of(int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGKILL ? "killed" : "ended";
	return WEXITSTATUS(status) > 2 ? "failed" : WEXITSTATUS(status) ? "no" : "yes";
}

struct offence {
	int (*body)(struct box *b); /* what it does; what comes back is its status */
	struct box *box;
	pid_t number; /* 0: it is the first of its namespace */
};

static int offend(const struct offence *o)
{
	say("past_tgid=%d", number_outside());
	say("past_number=%d", getpid());
	return o->body(o->box);
}

/* The first of a namespace has it as its child, and ends with it as it did. */
static int offend_by_number(const struct offence *o)
{
	int status;
	pid_t pid = fork_as(false, o->number);

	if (!pid)
		_exit(offend(o));
	say("parent_tgid=%d", number_outside());
	if (waitpid(pid, &status, 0) != pid)
		return 3;
	return WIFSIGNALED(status) ? 64 + WTERMSIG(status) : WEXITSTATUS(status);
}

static pid_t offender(const struct offence *o)
{
	pid_t pid = fork_as(true, 0);

	if (!pid)
		_exit(o->number ? offend_by_number(o) : offend(o));
	return pid;
}

static void say_end(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("the offender");
	if (WIFEXITED(status) && WEXITSTATUS(status) >= 64)
		status = WEXITSTATUS(status) - 64;
	say("past=%s", end_of(status));
}

/* ---- past ------------------------------------------------------------------------------------------ */

static int gets_past(struct box *b)
{
	return get_past(b, false);
}

static void past(void)
{
	struct box b = { 0 }, other = { 0 };
	struct bystander first, same;
	struct offence o = { .body = gets_past, .box = &b };

	box_open(&other);
	box_open_device(&other);
	box_map(&other);
	first = bystander("first", true, other.container);
	same = bystander("same", false, other.container);
	box_setup(&b);
	o.number = what_is_same() ? same.pid : 0;
	say_end(offender(&o));
	say_result("now_info", info_of(b.container));
	ask(&first);
	ask(&same);
	box_unmap(&b);
	say_result("free_info", info_of(b.container));
}

/* ---- a window -------------------------------------------------------------------------------------- */

static int opens_window(struct box *b)
{
	if (box_try_invalidate(b))
		return 1;
	say("opened=yes");
	ready();
	for (;;)
		pause();
}

static void window(void)
{
	struct box b = { 0 };
	struct bystander first, same;
	struct offence o = { .body = opens_window, .box = &b };
	pid_t pid;

	block_word();
	box_open_pci(&b);
	box_map(&b);
	box_say(&b, "");
	/* these share the container: nobody is to go by that */
	first = bystander("first", true, b.container);
	same = bystander("same", false, b.container);
	o.number = what_is_same() ? same.pid : 0;
	pid = offender(&o);
	wait_for_word();
	say_end(pid);
	ask(&first);
	ask(&same);
	say("past_state=%s", range_state(&b));
	say("over=yes");
	wait_quit();
}

/* ---- blamed ---------------------------------------------------------------------------------------- */

static struct unmap {
	__u32 argsz, flags;
	__u64 iova, size;
} unmap_of(const struct box *b)
{
	return (struct unmap){ .argsz = sizeof(struct unmap), .flags = VADDR, .iova = b->iova, .size = b->size };
}

/* Where its flags are it can be read, behind them not. */
static void *cut_argument(const struct box *b)
{
	struct unmap arg = unmap_of(b);
	char *two = pages(2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (munmap(two + PAGE, PAGE))
		die("munmap");
	memcpy(two + PAGE - 8, &arg, 8);
	return two + PAGE - 8;
}

static void *read_only_argument(const struct box *b)
{
	struct unmap arg = unmap_of(b);
	int fd = memory_file(PAGE);

	if (pwrite(fd, &arg, sizeof(arg), 0) != sizeof(arg))
		die("memfd");
	return pages(1, PROT_READ, MAP_SHARED | MAP_POPULATE, fd);
}

/* The n-th range beside the one of the box, valid. */
static struct box another_range(const struct box *b, unsigned int n)
{
	struct box r = *b;

	r.iova += n * 0x10000000;
	if (box_try_map(&r))
		die("VFIO_IOMMU_MAP_DMA of another range");
	return r;
}

/* A child that makes the call and stays. */
static pid_t call_by_child(const char *name, const struct box *r, const void *arg)
{
	int word[2];
	pid_t pid;
	char byte;

	if (pipe(word))
		die("pipe");
	pid = fork_as(false, 0);
	if (!pid) {
		say("%s_tgid=%d", name, getpid());
		say_result(name, ioctl(r->container, VFIO_IOMMU_UNMAP_DMA, arg));
		if (write(word[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(word[1]);
	if (read(word[0], &byte, 1) != 1)
		die("the child");
	close(word[0]);
	return pid;
}

static void say_life(const char *name, pid_t pid)
{
	int status;

	say("%s_lives=%s", name, waitpid(pid, &status, WNOHANG) ? "no" : "yes");
	kill(pid, SIGKILL);
}

static void blamed(void)
{
	struct box b = { 0 }, c = { 0 }, b2, b3, c2;
	struct unmap arg;
	pid_t cut, later, answered;

	block_word();
	box_open_pci(&b);
	box_map(&b);
	b2 = another_range(&b, 1);
	b3 = another_range(&b, 2);
	box_say(&b, "");
	opt.pci = opt.other;
	box_open_pci(&c);
	box_map(&c);
	c2 = another_range(&c, 1);
	if (box_try_invalidate(&b))
		die("invalidate");
	ready();
	wait_for_word();
	cut = call_by_child("cut", &b2, cut_argument(&b2));
	arg = unmap_of(&b3);
	later = call_by_child("later", &b3, &arg);
	answered = call_by_child("answered", &c2, read_only_argument(&c2));
	say("called=yes");
	wait_for_word();
	say_life("cut", cut);
	say_life("later", later);
	say_life("answered", answered);
	say("cut_state=%s", range_state(&b2));
	say("answered_state=%s", range_state(&c2));
	say("over=yes");
	wait_quit();
}

/* ---- a number that is somebody else's by now --------------------------------------------------------- */

static pid_t number_of_who_is_gone(struct box *b)
{
	int status;
	pid_t pid = fork_as(false, 0);

	if (!pid)
		_exit(box_try_invalidate(b) ? 1 : 0);
	if (waitpid(pid, &status, 0) != pid || status)
		die("the offender");
	return pid;
}

/* What it is told to do; its answers come by the same socket. */
static void is_later(struct box *shared_box, struct box *own, int sock)
{
	char byte;

	if (prctl(PR_SET_NAME, "bystander"))
		die("prctl");
	say("later_tgid=%d", number_outside());
	if (write(sock, "", 1) != 1 || read(sock, &byte, 1) != 1)
		_exit(1);
	say_result("later_info", info_of(shared_box->container));
	if (write(sock, "", 1) != 1 || read(sock, &byte, 1) != 1)
		_exit(1);
	if (box_try_invalidate(own))
		_exit(1);
	for (;;)
		pause();
}

static void hear(int sock)
{
	char byte;

	if (read(sock, &byte, 1) != 1)
		die("who came later");
}

static void tell(int sock)
{
	if (write(sock, "", 1) != 1)
		die("who came later");
}

static void reused(void)
{
	struct box b = { 0 }, own = { 0 };
	pid_t past, later;
	int pair[2], status;

	signal(SIGPIPE, SIG_IGN);
	block_word();
	box_open_pci(&b);
	box_map(&b);
	box_say(&b, "");
	opt.pci = opt.other;
	box_open_pci(&own);
	box_map(&own);
	open_pair(pair);
	past = number_of_who_is_gone(&b);
	say("past_tgid=%d", past);
	later = fork_as(false, past);
	if (!later) {
		close(pair[0]);
		is_later(&b, &own, pair[1]);
	}
	close(pair[1]);
	hear(pair[0]);
	ready();
	wait_for_word();
	if (waitpid(later, &status, WNOHANG) == later) {
		say("later=%s", WIFSIGNALED(status) ? "killed" : "failed");
	} else {
		tell(pair[0]);
		hear(pair[0]);
		say("later=lives");
		wait_for_word();
		tell(pair[0]);
		if (waitpid(later, &status, 0) != later)
			die("who came later");
		say("later_again=%s", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? "killed" : "failed");
	}
	say("past_state=%s", range_state(&b));
	say("over=yes");
	wait_quit();
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	if (what_is("past") || what_is("past-same"))
		return act_run(past, REACH_END);
	if (what_is("window") || what_is("window-same"))
		return act_run(window, REACH_READY);
	if (what_is("blamed"))
		return act_run(blamed, REACH_READY);
	if (what_is("reused"))
		return act_run(reused, REACH_READY);
	errno = EINVAL;
	die("--what %s", opt.what);
}
