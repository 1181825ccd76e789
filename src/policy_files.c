// SPDX-License-Identifier: GPL-2.0-only
/*
 * policy_files.c - the files of a configuration, found and put in order by
 * libeconf (policy.h): /etc before /usr, drop-ins by name, one in /etc instead
 * of one of the same name in /usr, a link to /dev/null for none.
 *
 * Only that list is taken from it: each file is then read once, by us, checked,
 * and parsed from what was read.
 */
#include "policy.h"

#include <errno.h>
#include <fcntl.h>
#include <libeconf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util.h"

#include "paths.h"

static int whole(struct policy_problem *p, const char *path, const char *text)
{
	snprintf(p->file, sizeof(p->file), "%s", path);
	snprintf(p->text, sizeof(p->text), "%s", text);
	p->line = 0;
	return -EINVAL;
}

const char *policy_not_ours(int fd, mode_t type)
{
	struct stat st;

	if (fstat(fd, &st))
		return strerror(errno);
	if ((st.st_mode & S_IFMT) != type)
		return type == S_IFDIR ? "not a folder" : "not a file";
	if (st.st_uid && st.st_uid != geteuid())
		return "it belongs to another user";
	if (st.st_mode & S_IWOTH || (st.st_mode & S_IWGRP && st.st_gid && st.st_gid != getegid()))
		return "others can write to it";
	return NULL;
}

/* /dev/null stands for no file. */
static int check(int fd, const char *path, struct policy_problem *p)
{
	struct stat st;
	const char *why;

	if (!fstat(fd, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return 0;
	why = policy_not_ours(fd, S_IFREG);
	return why ? whole(p, path, why) : 0;
}

static int read_one(struct policy *to, const char *path, enum policy_layer layer, struct policy_problem *p)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *data = malloc(POLICY_BYTES_MAX + 1);
	size_t size = 0;
	ssize_t n = 1;
	int r;

	if (!data)
		return -ENOMEM;
	if (fd < 0)
		return whole(p, path, strerror(errno));
	r = check(fd, path, p);
	if (r)
		return r;
	while (n > 0 && size <= POLICY_BYTES_MAX) {
		n = read(fd, data + size, POLICY_BYTES_MAX + 1 - size);
		size += n > 0 ? n : 0;
	}
	if (n < 0)
		return whole(p, path, strerror(errno));
	return policy_parse(to, path, layer, data, size, p);
}

/* It could not even be listed: libeconf has read the files, and did not understand one. */
static int not_listed(econf_err e, const char *folder, struct policy_problem *p)
{
	_cleanup_free_ char *file = NULL;
	uint64_t line = 0;

	if (e == ECONF_NOMEM)
		return -ENOMEM;
	econf_errLocation(&file, &line);
	whole(p, file && *file ? file : folder, econf_errString(e));
	p->line = line;
	return -EINVAL;
}

static int read_all(struct policy *to, econf_file **files, size_t n, const char *vendor, struct policy_problem *p)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++) {
		_cleanup_free_ char *path = econf_getPath(files[i]);

		if (!path)
			return -ENOMEM;
		if (strcmp(path, "/dev/null"))
			r = read_one(to, path, strncmp(path, vendor, strlen(vendor)) ? LAYER_LOCAL : LAYER_VENDOR, p);
	}
	return r;
}

int policy_load(struct policy *ret, const char *root, struct policy_problem *ret_problem)
{
	_cleanup_free_ char *vendor = NULL, *local = NULL;
	econf_file **files = NULL;
	size_t n = 0;
	econf_err e;
	int r = 0;

	*ret_problem = (struct policy_problem){};
	policy_init(ret);
	if (asprintf(&vendor, "%s%s", root ?: "", VENDOR_FOLDER) < 0 || asprintf(&local, "%s/etc/fdpin-trace", root ?: "") < 0)
		return -ENOMEM;
	e = econf_readDirsHistory(&files, &n, vendor, local, "fdpin-trace", "conf", "=", "#");
	if (!e)
		r = read_all(ret, files, n, vendor, ret_problem);
	else if (e != ECONF_NOFILE) /* no file at all is fine */
		r = not_listed(e, local, ret_problem);
	for (size_t i = 0; !e && i < n; i++)
		econf_free(files[i]);
	if (!e || e == ECONF_NOFILE)
		free(files);
	if (r) {
		policy_free(ret);
		policy_init(ret);
	}
	return r;
}
