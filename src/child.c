// SPDX-License-Identifier: GPL-2.0-only
/*
 * child.c - fork, wait before exec, exec, status (child.h).
 *
 * The child sleeps on a pipe until the hooks are on and know its pid, so
 * that its first call is seen. A second pipe, closed by a successful exec,
 * brings back the errno of one that failed.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "util.h"

static void __attribute__((noreturn)) run_child(int go, int failure, char **argv, bool aside)
{
	sigset_t none;
	int err;
	char c;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* The end of the pipe without a byte: we are not wanted any more. */
	if (read(go, &c, 1) != 1)
		_exit(0);
	if (aside)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	execvp(argv[0], argv);
	err = errno;
	if (write(failure, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

int child_fork(struct child *c, char **argv, bool aside)
{
	int go[2], failure[2];
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		return -errno;
	if (pipe2(failure, O_CLOEXEC)) {
		close(go[0]);
		close(go[1]);
		return -errno;
	}
	pid = fork();
	if (!pid) {
		close(go[1]);
		run_child(go[0], failure[1], argv, aside);
	}
	close(go[0]);
	close(failure[1]);
	*c = (struct child){ .pid = pid, .go = go[1], .failure = failure[0], .pidfd = -1 };
	if (pid > 0)
		c->pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (pid < 0 || c->pidfd < 0) {
		int err = -errno;

		child_release(c);
		return err;
	}
	return 0;
}

int child_start(struct child *c, const char *name)
{
	int err = 0;

	if (write(c->go, "", 1) != 1)
		return 126;
	close(c->go);
	c->go = -1;
	if (read(c->failure, &err, sizeof(err)) != sizeof(err))
		return 0;
	log_error("cannot run '%s': %s", name, strerror(err));
	return err == ENOENT ? 127 : 126;
}

int child_status(struct child *c)
{
	siginfo_t info = {};

	if (waitid(P_PID, c->pid, &info, WEXITED))
		return 126;
	c->pid = 0;
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

void child_release(struct child *c)
{
	bool started = c->go < 0;

	closep(&c->go);
	closep(&c->failure);
	closep(&c->pidfd);
	if (c->pid > 0 && !started)
		waitpid(c->pid, NULL, 0);
	*c = (struct child)CHILD_NONE;
}
