// SPDX-License-Identifier: GPL-2.0-only
/*
 * guard_canary.c - the calls that prove that a hook runs (guard.h): refused
 * with an errno that nobody else gives, through every ABI there is.
 *
 * A 32-bit call from a 64-bit process is "int $0x80". Where the kernel has no
 * such calls it ends the process, so another one makes it.
 */
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util.h"

/* Not VFIO's file: what the canary meets there is nothing but the hooks. */
static int some_file(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

int canary_native(__u32 nonce)
{
	_cleanup_close_ int fd = some_file();

	if (fd < 0)
		return -errno;
	return ioctl(fd, GUARD_CANARY, (unsigned long)nonce) < 0 && errno == GUARD_CANARY_ERRNO;
}

#ifdef __x86_64__
#define IA32_IOCTL 54

static int ioctl32(int fd, __u32 cmd, __u32 arg)
{
	long ret = IA32_IOCTL;

	/* the kernel leaves r8 to r11 as it likes */
	__asm__ volatile("int $0x80"
			 : "+a"(ret)
			 : "b"((long)fd), "c"((long)cmd), "d"((long)arg)
			 : "memory", "cc", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static void child(__u32 nonce)
{
	int fd = some_file(), r;

	if (fd < 0)
		_exit(2);
	r = ioctl32(fd, GUARD_CANARY, nonce);
	_exit(r == -GUARD_CANARY_ERRNO ? 0 : 1);
}

int canary_compat(__u32 nonce)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		/* as it is told by its end, nobody needs a core of it */
		signal(SIGSEGV, SIG_DFL);
		child(nonce);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSEGV ? -ENOSYS : -EPERM;
	return WEXITSTATUS(status) == 2 ? -EMFILE : !WEXITSTATUS(status);
}
#else
int canary_compat(__u32 nonce)
{
	(void)nonce;
	return -EOPNOTSUPP;
}
#endif

int canary_file(void)
{
	int fd = some_file(), err = errno;

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	return err == GUARD_CANARY_ERRNO;
}
