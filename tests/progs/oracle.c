// SPDX-License-Identifier: GPL-2.0-only
/*
 * oracle [TGID] - says of every type1 container that a process has, or that TGID has,
 * what it is like, in a line that is written at once:
 *
 *	container tgid=N fd=N invalid_count=N invalid=N ranges=N emulated=N groups=N open=N
 *
 * tgid, fd: who has it, and as which descriptor: the first one that is found, as each
 * container is told once. invalid_count: how many ranges are invalid, by the driver's
 * own count; invalid, ranges: how many in its tree are, and how many there are;
 * emulated: groups of mediated devices; groups: all of its groups; open: how often
 * devices of these are open. "?": too many to be counted. A container that is only in
 * a socket, or only behind a device, is not seen.
 *
 * --asked PATH: waits there for acts that want somebody to look while they hold still
 * (act_… --oracle PATH). Each question is answered when its line is written: what it is
 * called, and the container it is about, "plain: container tgid=…"; or "plain: none".
 * --watch: looks all the time besides, until SIGTERM. Then says how often it has
 * looked, how many containers there were at most, and how many of them at most had
 * an mdev and an invalid range at the same time: "looks=N containers=N both=N".
 * It says "ready" when it has looked once.
 *
 * All of it without a lock: see oracle.bpf.c.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "oracle.h"
#include "oracle_bpf.skel.h"

#define MAX_SEEN 1024
#define EVERY_MS 5

static struct oracle_bpf *skel;
static struct seen seen[MAX_SEEN];
static volatile sig_atomic_t stop;

static struct {
	unsigned long looks;
	unsigned int containers, both;
} most;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* Into seen[]: each container once, of all processes if tgid is 0, behind descriptor fd unless that is -1. */
static unsigned int look(int tgid, int fd)
{
	union bpf_iter_link_info info = { .task.pid = tgid };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));
	struct bpf_link *link = bpf_program__attach_iter(skel->progs.look, &opts);
	int iter = link ? bpf_iter_create(bpf_link__fd(link)) : -1;
	unsigned int n = 0, known, both = 0;
	struct seen s;
	ssize_t got;

	if (iter < 0)
		err(1, "iterator");
	while ((got = read(iter, &s, sizeof(s))) == sizeof(s)) {
		for (known = 0; known < n && seen[known].container != s.container; known++)
			;
		if (known < n || (fd >= 0 && s.fd != (__u32)fd))
			continue;
		if (n == MAX_SEEN)
			errx(1, "too many containers");
		seen[n++] = s;
		both += s.both;
	}
	if (got)
		err(1, "read");
	close(iter);
	bpf_link__destroy(link);
	most.looks++;
	most.containers = n > most.containers ? n : most.containers;
	most.both = both > most.both ? both : most.both;
	return n;
}

static const char *count(char text[16], __u32 n)
{
	snprintf(text, 16, n == ORACLE_UNKNOWN ? "?" : "%u", n);
	return text;
}

static void tell(const struct seen *s)
{
	char invalid[16], ranges[16], emulated[16];

	printf("container tgid=%u fd=%u invalid_count=%u invalid=%s ranges=%s emulated=%s groups=%u open=%u\n", s->tgid, s->fd,
	       s->invalid_count, count(invalid, s->invalid), count(ranges, s->ranges), count(emulated, s->emulated), s->groups, s->open);
}

static void answer(int sock)
{
	struct sockaddr_un from;
	socklen_t len = sizeof(from);
	char question[128], what[64];
	ssize_t n = recvfrom(sock, question, sizeof(question) - 1, 0, (struct sockaddr *)&from, &len);
	int tgid, fd;

	if (n < 0)
		err(1, "a question");
	question[n] = '\0';
	if (sscanf(question, "%d %d %63s", &tgid, &fd, what) != 3)
		errx(1, "no question: %s", question);
	printf("%s: ", what);
	if (look(tgid, fd))
		tell(&seen[0]);
	else
		puts("none");
	/* whoever was killed meanwhile does not wait for it */
	sendto(sock, "", 1, 0, (struct sockaddr *)&from, len);
}

static int open_socket(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(name.sun_path))
		errx(64, "too long: %s", path);
	strcpy(name.sun_path, path);
	unlink(path);
	if (sock < 0 || bind(sock, (struct sockaddr *)&name, sizeof(name)))
		err(1, "%s", path);
	return sock;
}

static void serve(int sock, bool watch)
{
	struct pollfd fd = { .fd = sock, .events = POLLIN };

	signal(SIGTERM, on_signal);
	if (watch)
		look(0, -1);
	puts("ready");
	while (!stop) {
		int n = poll(&fd, 1, watch ? EVERY_MS : 200);

		if (n > 0)
			answer(sock);
		else if (watch)
			look(0, -1);
	}
	printf("looks=%lu containers=%u both=%u\n", most.looks, most.containers, most.both);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "asked", 1, NULL, 'a' }, { "watch", 0, NULL, 'w' }, {} };
	const char *path = NULL;
	bool watch = false;
	int c, tgid;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'a')
			path = optarg;
		else if (c == 'w')
			watch = true;
		else
			return 64;
	}
	tgid = optind < argc ? atoi(argv[optind]) : 0;
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	skel = oracle_bpf__open_and_load();
	if (!skel)
		err(1, "load");
	if (path || watch) {
		serve(path ? open_socket(path) : -1, watch);
		return 0;
	}
	for (unsigned int i = 0, n = look(tgid, -1); i < n; i++)
		tell(&seen[i]);
	return 0;
}
