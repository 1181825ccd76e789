// SPDX-License-Identifier: GPL-2.0-only
/*
 * watch.c - the watcher of an act: sees that the state is reached, and stays
 *
 * act_run() forks the actor and looks at it through /proc and the device's
 * "fdpin_state" attribute only. When the state is there it says "ready" and
 * waits. SIGTERM makes it undo the state where that is possible (a process
 * that can restore the range is told to) and leave; the actor of a real
 * deadlock stays behind, as nothing can end it. The watcher never waits for
 * a time, only for a state, and for that no longer than --timeout.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "act.h"

struct shared *shared;

static const char *expected[3] = { "no", "none", "no" };

/*
 * What a tool has to answer once the act is ready: verdict deadlock, its
 * grade, verdict stall. '|' stands between answers that are all right.
 */
void expect(const char *deadlock, const char *grade, const char *stall)
{
	expected[0] = deadlock;
	expected[1] = grade;
	expected[2] = stall;
}

static void say_ready(void)
{
	say("expect_deadlock=%s", expected[0]);
	say("expect_grade=%s", expected[1]);
	say("expect_stall=%s", expected[2]);
	say("ready");
}

__u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void pause_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

/* ---- looking at tasks and devices ------------------------------------- */

static ssize_t read_file(const char *path, char *buf, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, buf, len - 1);
		close(fd);
	}
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

/* -1 unless it is in uninterruptible sleep; else how often it slept so far */
static long sleep_count(pid_t tid)
{
	char path[64], buf[4096], *p;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	if (read_file(path, buf, sizeof(buf)) <= 0 ||
	    !strstr(buf, "\nState:\tD"))
		return -1;
	p = strstr(buf, "\nvoluntary_ctxt_switches:");
	return p ? strtol(strchr(p, ':') + 1, NULL, 10) : -1;
}

/*
 * Asleep for good, as far as one can see: in D with @frame on its stack, and
 * the very same sleep a moment later. Where stacks are closed D has to do.
 */
bool task_asleep(pid_t tid, const char *frame)
{
	char path[64], stack[4096];
	long before = sleep_count(tid);

	if (before < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/stack", tid);
	if (read_file(path, stack, sizeof(stack)) > 0 && !strstr(stack, frame))
		return false;
	pause_ms(20);
	return sleep_count(tid) == before;
}

/* The thread that does (or did last) the device's act; 0: none yet */
pid_t worker_of(const char *uuid, char *state, size_t len)
{
	char path[PATH_MAX], *p;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/fdpin_state",
		 uuid);
	if (read_file(path, state, len) <= 0)
		return 0;
	p = strstr(state, "worker_tid=");
	return p ? atoi(p + strlen("worker_tid=")) : 0;
}

static bool worker_asleep(void)
{
	char state[256];
	pid_t tid = worker_of(shared->uuid, state, sizeof(state));

	return tid && strstr(state, "state=running") &&
	       task_asleep(tid, "vfio_wait");
}

static void say_tasks(enum reach reach)
{
	char state[256];
	pid_t tid;

	if (shared->closer)
		say("%s=%d", reach == REACH_ATTACHING ? "worker_tid" :
		    reach == REACH_CALLING || reach == REACH_MAPPING ? "caller_tid" : "closer_tid", shared->closer);
	if (!shared->uuid[0])
		return;
	tid = worker_of(shared->uuid, state, sizeof(state));
	if (tid && strstr(state, "state=running"))
		say("worker_tid=%d", tid);
}

/* ---- the actor's side ------------------------------------------------- */

void ready(void)
{
	__atomic_store_n(&shared->ready, 1, __ATOMIC_RELEASE);
}

/* Until the act is to be undone; by this process, among others. */
void wait_quit(void)
{
	sigset_t set;
	int sig;

	__atomic_store_n(&shared->undo, 1, __ATOMIC_RELEASE);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	while (!__atomic_load_n(&shared->quit, __ATOMIC_ACQUIRE))
		sigwait(&set, &sig);
}

/* As far as the actor gets; comes back when it has to undo the act. */
void stay(void)
{
	ready();
	wait_quit();
}

/* Closes the device the way --how says. Comes back only if nothing hangs. */
void hang_closing(struct box *b)
{
	say("how=%s", opt.how == HOW_EXIT ? "exit" :
	    opt.how == HOW_KILL ? "kill" : "close");
	__atomic_store_n(&shared->closer, gettid(), __ATOMIC_RELEASE);
	switch (opt.how) {
	case HOW_EXIT:
		_exit(0);
	case HOW_KILL:
		__atomic_store_n(&shared->kill_me, 1, __ATOMIC_RELEASE);
		for (;;)
			pause();
	}
	close(b->device);
	b->device = -1;
	__atomic_store_n(&shared->closer, 0, __ATOMIC_RELEASE);
	say("closed=yes");
}

/* This kernel does not let the act happen: an answer, not a failure. */
void refused(const char *call)
{
	say("refused=%s", strerrorname_np(errno));
	say("refused_call=%s", call);
	say("result=refused");
	__atomic_store_n(&shared->refused, 1, __ATOMIC_RELEASE);
	exit(0);
}

/* ---- the watcher's side ----------------------------------------------- */

static bool reached(enum reach reach)
{
	bool is_ready = __atomic_load_n(&shared->ready, __ATOMIC_ACQUIRE);
	pid_t closer = __atomic_load_n(&shared->closer, __ATOMIC_ACQUIRE);

	switch (reach) {
	case REACH_STUCK:
		return closer && task_asleep(closer, "vfio_d") &&
		       worker_asleep();
	case REACH_ATTACHING:
		return closer && task_asleep(closer, "vfio_wait");
	case REACH_CALLING:
		return closer && task_asleep(closer, "iopt_pages_update_pinned");
	case REACH_MAPPING:
		return closer && task_asleep(closer, "vfio_pin_pages_remote");
	case REACH_BLOCKED:
		return is_ready && worker_asleep();
	case REACH_READY:
		return is_ready;
	case REACH_END:
		break;
	}
	return false;
}

/* The actor is gone: it was refused, had to end, or failed. */
static int ended(int status, enum reach reach)
{
	bool fine = WIFEXITED(status) && !WEXITSTATUS(status);

	if (WIFSIGNALED(status) && shared->kill_me)
		fine = true;
	if (!fine)
		return 1;
	if (shared->refused) {
		expect("no", "none", "no");
	} else {
		say("result=ended");
		if (reach != REACH_END)
			return 1;	/* it was to stay */
	}
	say_ready();
	return 0;
}

static int watch(pid_t actor, enum reach reach)
{
	__u64 end = now_ns() + opt.timeout * 1000000000ULL;
	int status;

	while (!reached(reach)) {
		if (waitpid(actor, &status, WNOHANG) == actor)
			return ended(status, reach);
		if (__atomic_load_n(&shared->kill_me, __ATOMIC_ACQUIRE) == 1) {
			shared->kill_me = 2;
			kill(actor, SIGKILL);
		}
		if (now_ns() > end) {
			say("error=the state is not reached");
			return 1;
		}
		pause_ms(10);
	}
	return -1;
}

static void tell_quit(pid_t actor)
{
	__u64 one = 1;

	__atomic_store_n(&shared->quit, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &shared->quit, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	if (write(shared->quit_fd, &one, sizeof(one)) != sizeof(one))
		say("error=eventfd");
	kill(-actor, SIGTERM);
}

/* Ready: stays until SIGTERM, or until the actor leaves by itself. */
static int watch_on(pid_t actor)
{
	__u64 end;
	sigset_t set;
	int sig, status;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigwait(&set, &sig);
	tell_quit(actor);
	if (!__atomic_load_n(&shared->undo, __ATOMIC_ACQUIRE))
		return 0;
	end = now_ns() + opt.timeout * 1000000000ULL;
	while (now_ns() < end) {
		if (waitpid(actor, &status, WNOHANG) == actor) {
			say("result=undone");
			return !(WIFEXITED(status) && !WEXITSTATUS(status));
		}
		pause_ms(10);
	}
	say("error=could not be undone");
	return 1;
}

int act_run(void (*actor)(void), enum reach reach)
{
	sigset_t set;
	pid_t pid;
	int fd, ret;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	/* Out of the way, so that file numbers are the same in every act. */
	fd = eventfd(0, 0);
	shared->quit_fd = fcntl(fd, F_DUPFD_CLOEXEC, 200);
	if (shared->quit_fd < 0)
		die("eventfd");
	close(fd);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		setpgid(0, 0);
		actor();
		exit(0);
	}
	setpgid(pid, pid);
	ret = watch(pid, reach);
	if (ret >= 0)
		return ret;
	say_tasks(reach);
	say_ready();
	return watch_on(pid);
}
