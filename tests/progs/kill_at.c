// SPDX-License-Identifier: GPL-2.0-only
/*
 * kill_at - kills a program at its N-th step
 *
 * kill_at PLAN LOG COMMAND…: becomes COMMAND. PLAN is a file of lines, one for each time that kill_at is started: the first one is taken out of it.
 *
 *	N [FILE]	SIGKILL when the program is about to make its N-th step, which it then does not make; 0: never.
 *			With FILE, steps count from when that file is there.
 *
 * Without a line COMMAND runs as it would without kill_at. A step is a call that changes what others can see, or that waits for them: bpf(2) but for what
 * only reads, messages, names in a file system, locks, rights, a barrier, the close of a BPF link, and the reading of a file of fdpin-trace. Each is a
 * line of LOG, "step N NAME WHAT", the last one "killed N NAME WHAT"; "ended STATUS" if the program ended otherwise.
 *
 * The calls are picked out by seccomp, so that the program is stopped at these and no others. The one who watches is no child of it, and no parent.
 * A process that the program forks can make none of these calls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "act.h"

#define PAGE 4096

#define CALLS(X)                                                                                                     \
	X(bpf) X(sendmsg) X(sendto) X(openat) X(renameat) X(renameat2) X(unlinkat) X(mkdirat) X(flock) X(capset)      \
	X(membarrier) X(close)
#ifdef __x86_64__
#define OLD_CALLS(X) X(rename) X(unlink) X(rmdir) X(mkdir)
#else
#define OLD_CALLS(X)
#endif

static const struct {
	const char *name;
	int nr;
} calls[] = {
#define X(name) { #name, SYS_##name },
	CALLS(X) OLD_CALLS(X)
#undef X
};

#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

static struct {
	unsigned long at;
	char from[256]; /* "": from the beginning */
} plan;

/* ---- the plan --------------------------------------------------------------------------------- */

/* Its first line, which is taken out; false if there is none. */
static bool take_line(const char *path)
{
	FILE *f = fopen(path, "r+");
	char line[512], rest[1 << 16];
	size_t n;

	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f)) {
		fclose(f);
		return false;
	}
	n = fread(rest, 1, sizeof(rest), f);
	rewind(f);
	if (ftruncate(fileno(f), 0) || fwrite(rest, 1, n, f) != n || fclose(f))
		die("%s", path);
	if (sscanf(line, "%lu %255s", &plan.at, plan.from) < 1)
		die("%s: %s", path, line);
	return true;
}

/* ---- what a step is ---------------------------------------------------------------------------- */

struct step {
	pid_t pid;
	__u64 args[6];
	char what[128];
};

static ssize_t read_at(pid_t pid, __u64 at, void *to, size_t size)
{
	struct iovec local = { to, size }, remote = { (void *)at, size };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

/* A string that ends somewhere: what is on the page behind it may not be there to be read. */
static void read_string(pid_t pid, __u64 at, char *to, size_t size)
{
	size_t n = 0, more;

	memset(to, 0, size);
	do {
		more = PAGE - (at + n) % PAGE;
		if (more > size - 1 - n)
			more = size - 1 - n;
		if (read_at(pid, at + n, to + n, more) != (ssize_t)more)
			break;
		n += more;
	} while (strlen(to) == n && n < size - 1);
}

static bool by_bpf(struct step *s)
{
	static const char *const names[] = {
		[BPF_MAP_CREATE] = "MAP_CREATE", [BPF_MAP_UPDATE_ELEM] = "MAP_UPDATE_ELEM", [BPF_MAP_DELETE_ELEM] = "MAP_DELETE_ELEM",
		[BPF_PROG_LOAD] = "PROG_LOAD", [BPF_OBJ_PIN] = "OBJ_PIN", [BPF_OBJ_GET] = "OBJ_GET",
		[BPF_RAW_TRACEPOINT_OPEN] = "RAW_TRACEPOINT_OPEN", [BPF_BTF_LOAD] = "BTF_LOAD", [BPF_MAP_FREEZE] = "MAP_FREEZE",
		[BPF_LINK_CREATE] = "LINK_CREATE", [BPF_LINK_UPDATE] = "LINK_UPDATE", [BPF_ITER_CREATE] = "ITER_CREATE",
		[BPF_LINK_DETACH] = "LINK_DETACH", [BPF_PROG_BIND_MAP] = "PROG_BIND_MAP",
	};
	__u64 cmd = s->args[0];

	switch (cmd) {
	case BPF_MAP_LOOKUP_ELEM:
	case BPF_MAP_GET_NEXT_KEY:
	case BPF_OBJ_GET_INFO_BY_FD:
	case BPF_PROG_TEST_RUN: /* made all the time, to look at something */
	case BPF_PROG_GET_NEXT_ID:
	case BPF_MAP_GET_NEXT_ID:
	case BPF_BTF_GET_NEXT_ID:
	case BPF_LINK_GET_NEXT_ID:
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_BTF_GET_FD_BY_ID:
	case BPF_LINK_GET_FD_BY_ID:
		return false;
	}
	if (cmd < sizeof(names) / sizeof(names[0]) && names[cmd])
		snprintf(s->what, sizeof(s->what), "%s", names[cmd]);
	else
		snprintf(s->what, sizeof(s->what), "%llu", (unsigned long long)cmd);
	return true;
}

static bool by_message(struct step *s)
{
	struct msghdr m;
	struct iovec v;

	if (read_at(s->pid, s->args[1], &m, sizeof(m)) == sizeof(m) && m.msg_iovlen && read_at(s->pid, (__u64)m.msg_iov, &v, sizeof(v)) == sizeof(v)) {
		size_t n = v.iov_len < sizeof(s->what) - 1 ? v.iov_len : sizeof(s->what) - 1;

		if (read_at(s->pid, (__u64)v.iov_base, s->what, n) != (ssize_t)n)
			s->what[0] = '\0';
	}
	return true;
}

static bool by_close(struct step *s)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/fd/%llu", s->pid, (unsigned long long)s->args[0]);
	n = readlink(link, s->what, sizeof(s->what) - 1);
	s->what[n > 0 ? n : 0] = '\0';
	return strstr(s->what, "bpf_link") || strstr(s->what, "bpf-link");
}

static bool by_name(struct step *s, int arg, bool only_ours)
{
	read_string(s->pid, s->args[arg], s->what, sizeof(s->what));
	return !only_ours || strstr(s->what, "fdpin-") || strstr(s->what, "half-") || strstr(s->what, "guard-");
}

/* Is it one? Then s->what says more of it. */
static bool is_step(struct step *s, int nr)
{
	switch (nr) {
	case SYS_bpf:
		return by_bpf(s);
	case SYS_sendmsg:
		return by_message(s);
	case SYS_close:
		return by_close(s);
	case SYS_openat:
		return by_name(s, 1, true);
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_unlinkat:
	case SYS_mkdirat:
		return by_name(s, 1, false);
#ifdef __x86_64__
	case SYS_rename:
	case SYS_unlink:
	case SYS_rmdir:
	case SYS_mkdir:
		return by_name(s, 0, false);
#endif
	}
	return true;
}

static void one_line(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = ' ';
}

/* ---- who watches ---------------------------------------------------------------------------------- */

static bool due(void)
{
	static bool begun;

	if (!begun)
		begun = !*plan.from || !access(plan.from, F_OK);
	return begun;
}

/* It is before a call of the list. True if that was its last. */
static bool before_call(pid_t pid, FILE *log)
{
	static unsigned long n;
	struct __ptrace_syscall_info info;
	struct step s = { .pid = pid };
	const char *name = "?";

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		return false;
	memcpy(s.args, info.seccomp.args, sizeof(s.args));
	if (!due() || !is_step(&s, info.seccomp.nr))
		return false;
	for (size_t i = 0; i < N_CALLS; i++)
		if (calls[i].nr == (int)info.seccomp.nr)
			name = calls[i].name;
	one_line(s.what);
	n++;
	if (n == plan.at && kill(pid, SIGKILL))
		die("kill");
	fprintf(log, "%s %lu %s %s\n", n == plan.at ? "killed" : "step", n, name, s.what);
	return n == plan.at;
}

static void watch(pid_t pid, FILE *log)
{
	bool killed = false;
	int status, sig;

	while (waitpid(pid, &status, __WALL) == pid) {
		if (!WIFSTOPPED(status)) {
			if (!killed)
				fprintf(log, "ended %d\n", status);
			return;
		}
		sig = 0;
		switch (status >> 16) {
		case PTRACE_EVENT_SECCOMP:
			killed |= before_call(pid, log);
			break;
		case PTRACE_EVENT_STOP:
			if (WSTOPSIG(status) != SIGTRAP) { /* it is stopped, by SIGSTOP say, and is to stay so */
				ptrace(PTRACE_LISTEN, pid, 0, 0);
				continue;
			}
			break;
		case 0:
			sig = WSTOPSIG(status);
		}
		ptrace(PTRACE_CONT, pid, 0, sig);
	}
}

/* For pid, which waits for a byte. */
static void watcher(pid_t pid, int tell, const char *log_path)
{
	FILE *log = fopen(log_path, "ae");

	if (!log)
		die("%s", log_path);
	setvbuf(log, NULL, _IOLBF, 0);
	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL))
		die("PTRACE_SEIZE");
	if (write(tell, "", 1) != 1)
		die("write");
	/* whoever waits for the end of what the program has open does not wait for this */
	for (int fd = 3; fd < 256; fd++)
		if (fd != fileno(log))
			close(fd);
	watch(pid, log);
	exit(0);
}

/* ---- who is watched --------------------------------------------------------------------------------- */

static void pick_out_calls(void)
{
	struct sock_filter code[N_CALLS + 5];
	struct sock_fprog prog = { .filter = code };
	unsigned int n = 0;

#ifdef __x86_64__
	/* numbers of 32-bit calls are others; the call that proves a hook for these is no step */
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, N_CALLS + 1);
#endif
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < N_CALLS; i++)
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].nr, N_CALLS - i, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	prog.len = n;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
		die("seccomp");
}

int main(int argc, char **argv)
{
	int go[2];
	pid_t pid;
	char byte;

	if (argc < 4) {
		errno = EINVAL;
		die("PLAN LOG COMMAND…");
	}
	if (!take_line(argv[1]))
		goto become;
	if (pipe2(go, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		pid_t watched = getppid();

		if (!fork())
			watcher(watched, go[1], argv[2]);
		_exit(0);
	}
	close(go[1]);
	if (waitpid(pid, NULL, 0) != pid || read(go[0], &byte, 1) != 1)
		die("nobody watches");
	pick_out_calls();
	close(go[0]);
become:
	execv(argv[3], argv + 3);
	die("%s", argv[3]);
}
