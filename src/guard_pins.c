// SPDX-License-Identifier: GPL-2.0-only
/*
 * guard_pins.c - pins of a guard in bpffs (guard_pins.h).
 *
 *   FOLDER/guard-71934882091/00-guard_fexit__…	a pin for each link
 *   FOLDER/half-71934882091/…			what is being pinned, or taken away
 *
 * Programs that end what others begin are pinned first and go last, so that of a
 * half that somebody left who was killed at it, nothing begins that is not ended.
 * All is done from a descriptor of the folder, which takes no right but to own it.
 */
#include "guard_pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "util.h"

#define WHOLE "guard-"
#define HALF "half-"
#define GENERATION_MAX 40

struct generation {
	char name[GENERATION_MAX]; /* "": none was put */
	int n;
	struct {
		char name[64];
		ino_t ino;
	} pin[GUARD_LINKS_MAX];
};

struct pins {
	char *path;
	int dir;
	struct generation ours;
	bool alone; /* it has taken over */
};

static char why_text[256];

static int fail(int err, const char **ret_why, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int fail(int err, const char **ret_why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why_text, sizeof(why_text), fmt, ap);
	va_end(ap);
	*ret_why = why_text;
	return err;
}

/* ---- the folder ------------------------------------------------------------------------------- */

static bool is_bpffs(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == BPF_FS_MAGIC;
}

/* Whoever may write where it is could put another one in its place. */
static int check_parent(int parent, const char **ret_why)
{
	struct stat st;

	if (fstat(parent, &st))
		return fail(-errno, ret_why, "%s", strerror(errno));
	if (st.st_uid && st.st_uid != geteuid())
		return fail(-EINVAL, ret_why, "the folder it is in belongs to another user (%u)", st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH) && !(st.st_mode & S_ISVTX))
		return fail(-EINVAL, ret_why, "others can write to the folder it is in");
	return 0;
}

static int check_folder(int dir, const char **ret_why)
{
	struct stat st;

	if (fstat(dir, &st))
		return fail(-errno, ret_why, "%s", strerror(errno));
	if (!is_bpffs(dir))
		return fail(-EINVAL, ret_why, "it is not in a bpffs");
	if (st.st_uid != geteuid())
		return fail(-EINVAL, ret_why, "it belongs to another user (%u)", st.st_uid);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return fail(-EINVAL, ret_why, "others have access to it (mode %04o, not 0700)", st.st_mode & 07777);
	if (flock(dir, LOCK_EX | LOCK_NB))
		return fail(errno == EWOULDBLOCK ? -EBUSY : -errno, ret_why, "%s",
			    errno == EWOULDBLOCK ? "another guard that runs has its pins there" : strerror(errno));
	return 0;
}

static int make_and_open(int parent, const char *name, const char **ret_why)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	struct stat st;
	int dir;

	if (strchr(name, '.') && is_bpffs(parent))
		return fail(-EINVAL, ret_why, "in a bpffs no name has a dot");
	dir = openat(parent, name, flags);
	if (dir >= 0)
		return dir;
	if (errno != ENOENT) {
		int err = -errno;
		bool link = !fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISLNK(st.st_mode);

		return link ? fail(-EINVAL, ret_why, "it is a symbolic link") : fail(err, ret_why, "%s", strerror(-err));
	}
	if (!is_bpffs(parent))
		return fail(-EINVAL, ret_why, "it is not there, and where it would be is no bpffs");
	if (mkdirat(parent, name, 0700) && errno != EEXIST)
		return fail(-errno, ret_why, "%s", strerror(errno));
	dir = openat(parent, name, flags);
	return dir >= 0 ? dir : fail(-errno, ret_why, "%s", strerror(errno));
}

/* A descriptor of it, or -errno. */
static int open_folder(const char *path, const char **ret_why)
{
	_cleanup_free_ char *for_parent = strdup(path), *for_name = strdup(path);
	const char *name = for_name ? basename(for_name) : NULL;
	_cleanup_close_ int parent = -1;
	int dir, r;

	if (!for_parent || !name)
		return fail(-ENOMEM, ret_why, "out of memory");
	if (!strcmp(name, "/") || !strcmp(name, ".") || !strcmp(name, ".."))
		return fail(-EINVAL, ret_why, "it has no name of its own");
	parent = open(dirname(for_parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return fail(-errno, ret_why, "the folder it is in: %s", strerror(errno));
	r = check_parent(parent, ret_why);
	dir = r ?: make_and_open(parent, name, ret_why);
	if (dir < 0)
		return dir;
	r = check_folder(dir, ret_why);
	if (!r)
		return dir;
	close(dir);
	return r;
}

int pins_open(struct pins **ret, const char *folder, const char **ret_why)
{
	struct pins *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return fail(-ENOMEM, ret_why, "out of memory");
	p->path = strdup(folder);
	p->dir = r = p->path ? open_folder(folder, ret_why) : fail(-ENOMEM, ret_why, "out of memory");
	if (r < 0) {
		free(p->path);
		free(p);
		return r;
	}
	*ret = p;
	return 0;
}

const char *pins_folder(const struct pins *p)
{
	return p->path;
}

int pins_fd(const struct pins *p)
{
	return p->dir;
}

/* ---- generations ------------------------------------------------------------------------------- */

static int is_pin(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int is_generation(const struct dirent *d)
{
	return !strncmp(d->d_name, WHOLE, strlen(WHOLE)) || !strncmp(d->d_name, HALF, strlen(HALF));
}

/* The number behind the word is kept, so that it is known which one it was. */
static void half_name(char buf[GENERATION_MAX], const char *name)
{
	snprintf(buf, GENERATION_MAX, HALF "%.30s", strchr(name, '-') + 1);
}

/* The last that were pinned go first. */
static void remove_generation(int dir, const char *name)
{
	char half[GENERATION_MAX];
	struct dirent **list = NULL;
	_cleanup_close_ int fd = -1;
	int n;

	half_name(half, name);
	if (strcmp(half, name) && renameat(dir, name, dir, half))
		return;
	fd = openat(dir, half, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	n = fd < 0 ? 0 : scandirat(fd, ".", &list, is_pin, alphasort);
	for (int i = n - 1; i >= 0; i--) {
		unlinkat(fd, list[i]->d_name, 0);
		free(list[i]);
	}
	free(list);
	unlinkat(dir, half, AT_REMOVEDIR);
}

/* Into this folder, in order, and what their files are is noted. */
static int pin_links(struct generation *to, int fd, const struct guard *g, const char **ret_why)
{
	struct guard_link links[GUARD_LINKS_MAX];

	to->n = guard_links(g, links, GUARD_LINKS_MAX);
	for (int i = 0; i < to->n; i++) {
		char path[128];
		struct stat st;

		snprintf(to->pin[i].name, sizeof(to->pin[i].name), "%02d-%s", i, links[i].name);
		snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", fd, to->pin[i].name);
		if (bpf_obj_pin(links[i].fd, path) || fstatat(fd, to->pin[i].name, &st, AT_SYMLINK_NOFOLLOW))
			return fail(-errno, ret_why, "%s cannot be pinned: %s", links[i].name, strerror(errno));
		to->pin[i].ino = st.st_ino;
	}
	return 0;
}

int pins_put(struct pins *p, const struct guard *g, const char **ret_why)
{
	struct generation next = {};
	char half[GENERATION_MAX];
	_cleanup_close_ int fd = -1;
	int r;

	snprintf(next.name, sizeof(next.name), WHOLE "%llu", now_ns());
	half_name(half, next.name);
	if (mkdirat(p->dir, half, 0700))
		return fail(-errno, ret_why, "%s: %s", half, strerror(errno));
	fd = openat(p->dir, half, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	r = fd < 0 ? fail(-errno, ret_why, "%s: %s", half, strerror(errno)) : pin_links(&next, fd, g, ret_why);
	if (!r && renameat(p->dir, half, p->dir, next.name))
		r = fail(-errno, ret_why, "%s: %s", next.name, strerror(errno));
	if (r)
		remove_generation(p->dir, half);
	else
		p->ours = next;
	return r;
}

int pins_take_over(struct pins *p)
{
	struct dirent **list = NULL;
	int n = scandirat(p->dir, ".", &list, is_generation, alphasort), gone = 0;

	for (int i = 0; i < n; i++) {
		if (strcmp(list[i]->d_name, p->ours.name)) {
			remove_generation(p->dir, list[i]->d_name);
			gone++;
		}
		free(list[i]);
	}
	free(list);
	p->alone = true;
	return gone;
}

/* ---- are they there? ----------------------------------------------------------------------------- */

static bool folder_is_there(const struct pins *p)
{
	struct stat named, ours;

	return !lstat(p->path, &named) && !fstat(p->dir, &ours) && named.st_dev == ours.st_dev && named.st_ino == ours.st_ino;
}

const char *pins_missing(const struct pins *p)
{
	if (!folder_is_there(p))
		return "the folder is not there any more, or its bpffs";
	for (int i = 0; i < p->ours.n; i++) {
		char path[GENERATION_MAX + sizeof(p->ours.pin[i].name)];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", p->ours.name, p->ours.pin[i].name);
		if (fstatat(p->dir, path, &st, AT_SYMLINK_NOFOLLOW) || st.st_ino != p->ours.pin[i].ino)
			return "they are not there any more";
	}
	return NULL;
}

int pins_renew(struct pins *p, const struct guard *g, const char **ret_why)
{
	struct pins next = *p;
	int r;

	if (!folder_is_there(p)) {
		next.dir = open_folder(p->path, ret_why);
		if (next.dir < 0)
			return next.dir;
	}
	r = pins_put(&next, g, ret_why);
	if (next.dir != p->dir) {
		/* one that was renamed still has them, and nobody else knows of them */
		if (!r)
			remove_generation(p->dir, p->ours.name);
		close(r ? next.dir : p->dir);
	}
	if (r)
		return r;
	*p = next;
	pins_take_over(p);
	return 0;
}

void pins_close(struct pins *p, bool leave)
{
	if (!p)
		return;
	if (p->ours.name[0] && !(leave && p->alone))
		remove_generation(p->dir, p->ours.name);
	/* if nothing is in it; who may not has left a folder that does nothing */
	if (folder_is_there(p))
		rmdir(p->path);
	close(p->dir);
	free(p->path);
	free(p);
}
