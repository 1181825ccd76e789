// SPDX-License-Identifier: GPL-2.0-only
/*
 * exempt_files.c - the folder of exemptions (exempt.h): looked at by a guard,
 * written to by enforce --exempt. Only root may have a say: the folder and what is in it must
 * belong to root (or to who runs this), and nobody else may write to it.
 */
#include "exempt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "util.h"

#define LOOKED_AT 64 /* files; more than that nobody has made by hand */

struct exempt_folder {
	char *path;
	char boot[40];
	/* what was wrong the last time, so that it is told once */
	int n_told;
	char told[LOOKED_AT][80];
};

__u64 boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

void boot_id(char buf[40])
{
	read_line("/proc/sys/kernel/random/boot_id", buf, 40);
}

struct exempt_folder *exempt_open(const char *root)
{
	struct exempt_folder *f = calloc(1, sizeof(*f));

	if (!f || asprintf(&f->path, "%s%s", root ?: "", EXEMPT_FOLDER) < 0) {
		free(f);
		return NULL;
	}
	boot_id(f->boot);
	return f;
}

void exempt_close(struct exempt_folder *f)
{
	if (!f)
		return;
	free(f->path);
	free(f);
}

static int read_one(struct exempt_folder *f, int dir, const char *name, struct exemption *ret, struct policy_problem *p)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	const char *why = fd < 0 ? strerror(errno) : policy_not_ours(fd, S_IFREG);
	char data[4096];
	ssize_t n;

	if (why)
		return policy_problem(p, 0, "%s", why);
	n = read(fd, data, sizeof(data));
	if (n < 0 || n == sizeof(data))
		return policy_problem(p, 0, "%s", n < 0 ? strerror(errno) : "larger than 4 KiB");
	return exempt_parse(ret, name, data, n, boot_ns(), f->boot, p);
}

static void tell_once(struct exempt_folder *f, const char *name, const char *text, char now[LOOKED_AT][80], int *n)
{
	_cleanup_free_ char *shown = escape_text(name, 256), *what = escape_text(text, 256);
	bool known = false;

	for (int i = 0; i < f->n_told; i++)
		known |= !strncmp(f->told[i], name, sizeof(f->told[i]) - 1);
	if (!known)
		log_warning("no exemption by %s/%s: %s", f->path, shown ?: "?", what ?: "?");
	if (*n < LOOKED_AT)
		snprintf(now[(*n)++], sizeof(now[0]), "%s", name);
}

static int is_one(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return d->d_name[0] != '.' && len > 5 && !strcmp(d->d_name + len - 5, ".conf");
}

int exempt_look(struct exempt_folder *f, struct exemption ret[GUARD_EXEMPTIONS])
{
	_cleanup_close_ int dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	const char *why = dir >= 0 ? policy_not_ours(dir, S_IFDIR) : errno == ENOENT ? NULL : strerror(errno);
	struct dirent **list = NULL;
	char told[LOOKED_AT][80] = {};
	int n_told = 0, found = 0;
	int n = dir < 0 || why ? 0 : scandirat(dir, ".", &list, is_one, alphasort);

	memset(ret, 0, GUARD_EXEMPTIONS * sizeof(*ret));
	if (why)
		tell_once(f, "", why, told, &n_told);
	for (int i = 0; i < n; i++) {
		struct policy_problem problem = {};
		struct exemption e;
		int r = i < LOOKED_AT ? read_one(f, dir, list[i]->d_name, &e, &problem) : policy_problem(&problem, 0, "too many files");

		if (!r && found == GUARD_EXEMPTIONS)
			r = policy_problem(&problem, 0, "there are %d already", GUARD_EXEMPTIONS);
		if (!r)
			ret[found++] = e;
		else if (r < 0)
			tell_once(f, list[i]->d_name, problem.text[0] ? problem.text : strerror(-r), told, &n_told);
		free(list[i]);
	}
	free(list);
	memcpy(f->told, told, sizeof(told));
	f->n_told = n_told;
	return found;
}

/* ---- to make one ----------------------------------------------------------------------------- */

/* Others must be able to look, such as the service, whatever this shell's umask is. */
static int make_folders(char *path)
{
	mode_t was = umask(022);
	int r = 0;

	for (char *s = strchr(path + 1, '/');; s = strchr(s + 1, '/')) {
		if (s)
			*s = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			r = -errno;
		if (s)
			*s = '/';
		if (r || !s)
			break;
	}
	umask(was);
	return r;
}

/* What is over is in the way of whoever looks there. */
static void remove_old(struct exempt_folder *f, int dir)
{
	struct dirent **list = NULL;
	int n = scandirat(dir, ".", &list, is_one, NULL);

	for (int i = 0; i < n; i++) {
		struct policy_problem problem = {};
		struct exemption e;

		if (read_one(f, dir, list[i]->d_name, &e, &problem) > 0)
			unlinkat(dir, list[i]->d_name, 0);
		free(list[i]);
	}
	free(list);
}

static int write_to(int dir, const struct exemption *e)
{
	int fd = openat(dir, ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	int r = 0;

	if (!f) {
		r = -errno;
		closep(&fd);
		return r;
	}
	if (fchmod(fd, 0644))
		r = -errno;
	exempt_write(f, e);
	if (fflush(f) || ferror(f))
		r = -EIO;
	fclose(f);
	if (!r && renameat(dir, ".new", dir, e->name))
		r = -errno;
	return r;
}

int exempt_put(const char *root, struct exemption *e, char *ret_path, size_t size)
{
	struct exempt_folder *f = exempt_open(root);
	_cleanup_close_ int dir = -1;
	const char *why;
	int r;

	if (!f)
		return -ENOMEM;
	snprintf(e->name, sizeof(e->name), "%s-%llu.conf", rule_name(e->rule), e->begun);
	snprintf(ret_path, size, "%s/%s", f->path, e->name);
	r = make_folders(f->path);
	if (!r) {
		dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		why = dir < 0 ? strerror(errno) : policy_not_ours(dir, S_IFDIR);
		r = dir < 0 ? -errno : why ? -EPERM : 0;
	}
	if (!r) {
		remove_old(f, dir);
		r = write_to(dir, e);
	}
	exempt_close(f);
	return r;
}
