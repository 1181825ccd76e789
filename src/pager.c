// SPDX-License-Identifier: GPL-2.0-only
/*
 * pager.c - stdout through a pager (pager.h).
 *
 * The command is split at blanks and run without a shell: results are read as
 * root. less is told to leave at once what fits the screen (F), to keep colour
 * (R), to cut long lines (S) and to leave the screen as it is (X); and, by
 * LESSSECURE, to start no programs and to write no files.
 */
#include "pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/wait.h>

#include "opts.h"

#define WORDS_SHOWN 32

static const char *command(void)
{
	const char *ours = getenv("FDPIN_PAGER"), *any = getenv("PAGER");

	return ours ?: any ?: "less";
}

static bool wanted(const struct output *o)
{
	const char *term = getenv("TERM"), *cmd = command();

	if (globals.no_pager || !o->tty || o->own || o->f != stdout)
		return false;
	if (!term || !strcmp(term, "dumb"))
		return false;
	return cmd[strspn(cmd, " ")] && strcmp(cmd, "cat");
}

static void run(char *cmd)
{
	char *argv[WORDS_SHOWN + 1] = {}, *at;
	unsigned int n = 0;

	for (char *word = strtok_r(cmd, " ", &at); word && n < WORDS_SHOWN; word = strtok_r(NULL, " ", &at))
		argv[n++] = word;
	if (n)
		execvp(argv[0], argv);
}

/* The pager's side. What was asked for may not be there: then less, then nothing but the text. */
static void __attribute__((noreturn)) child(const int fds[2])
{
	_cleanup_free_ char *cmd = strdup(command());
	char less[] = "less", buf[4096];
	ssize_t n;

	dup2(fds[0], STDIN_FILENO);
	close(fds[1]); /* else it would never end */
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	setenv("LESS", "FRSX", 1);
	setenv("LESSSECURE", "1", 1);
	if (cmd)
		run(cmd);
	run(less);
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		if (write(STDOUT_FILENO, buf, n) != n)
			break;
	_exit(0);
}

struct pager pager_begin(const struct output *o)
{
	struct pager p = { .terminal = -1 };
	int fds[2];

	if (!wanted(o) || fflush(stdout))
		return p;
	p.terminal = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (p.terminal < 0)
		return p;
	if (pipe2(fds, O_CLOEXEC)) {
		close(p.terminal);
		return p;
	}
	p.pid = fork();
	if (!p.pid)
		child(fds);
	if (p.pid > 0) {
		dup2(fds[1], STDOUT_FILENO);
		signal(SIGINT, SIG_IGN); /* Ctrl-C is for the pager, which needs us to the end */
	} else {
		p.pid = 0;
		close(p.terminal);
	}
	close(fds[0]);
	close(fds[1]);
	return p;
}

void pager_end(struct pager *p, const struct output *o)
{
	if (!p->pid)
		return;
	if (fflush(o->f) || ferror(o->f)) {
		/* it was left early: what it did not read is not to be written to the terminal now */
		__fpurge(o->f);
		clearerr(o->f);
	}
	dup2(p->terminal, STDOUT_FILENO);
	close(p->terminal);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	signal(SIGINT, SIG_DFL);
	p->pid = 0;
}
