// SPDX-License-Identifier: GPL-2.0-only
/*
 * migrate_fd.c - who could make the calls: which process has the file behind a
 * piece open, and as which number (migrate.h).
 *
 * Files are told apart by device and inode. What fdinfo says of a file asks no
 * file system; only one that has the right inode is asked for its device.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "migrate.h"
#include "util.h"

#define MINOR_BITS 20 /* in dev_t, as the kernel has it */

/* Newer kernels may want a descriptor that is open for writing where a device is to write. */
static bool may_be(const char *fdinfo, __u64 inode, bool writes)
{
	FILE *f = fopen(fdinfo, "re");
	unsigned long long found = 0;
	unsigned int flags = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "flags: %o", &flags) != 1)
			sscanf(line, "ino: %llu", &found);
	if (f)
		fclose(f);
	return inode && found == inode && !(flags & O_PATH) && (!writes || (flags & O_ACCMODE) == O_RDWR);
}

static bool is_file(__u32 tgid, const char *fd, const struct ev_memory *mem, bool writes)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%u/fdinfo/%.16s", tgid, fd);
	if (!may_be(path, mem->inode, writes))
		return false;
	snprintf(path, sizeof(path), "/proc/%u/fd/%.16s", tgid, fd);
	return !stat(path, &st) && st.st_ino == mem->inode &&
	       mem->dev == ((__u32)major(st.st_dev) << MINOR_BITS | minor(st.st_dev));
}

int migrate_fd_find(__u32 tgid, const struct ev_memory *mem, bool writes)
{
	struct dirent *entry;
	char path[64];
	int lowest = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/fd", tgid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (*entry->d_name != '.' && (lowest < 0 || fd < lowest) && is_file(tgid, entry->d_name, mem, writes))
			lowest = fd;
	}
	if (dir)
		closedir(dir);
	return lowest;
}

static void find_caller(const struct model *m, struct migrate_piece *p)
{
	const struct obj *mm = model_find(m, OBJ_MM, p->range->mm);

	for (const struct edge *e = mm ? edge_in(mm, REL_IN_MM) : NULL; e && !p->call.tgid; e = edge_in_next(e)) {
		p->call.fd = migrate_fd_find(e->last->tgid, p->mem, p->range->prot & 2);
		if (p->call.fd >= 0)
			p->call.tgid = e->last->tgid;
	}
}

void migrate_callers_find(const struct model *m, struct migrate *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->v[i].call.there)
			find_caller(m, &g->v[i]);
}
